import { readFileSync } from 'node:fs';
import test from 'ava';
import type { Result } from '../../src/result/schema.ts';
import { makeHarness, type Ran } from '../harness.ts';
import { validateResult } from '../validate-result.ts';

/** A full disk of two pages at ./disk; its files are listed and printed after kmem-run exits. */
const FULL = `
mkdir disk
mount -t tmpfs -o size=8k none disk
cd disk
cat > result.json
head -c 8192 /dev/zero > filler || :
cd ..
set +e
"$@"
status=$?
ls -A disk > listing
cat disk/result.json > kept
exit $status
`;
const fullDisk = ['unshare', '-m', 'sh', '-ec', FULL, 'sh'];

/** The result, from the alternative file that the error names. */
function writtenBeside({ stderr }: Ran): Result | null {
  const told =
    /\nkmem-run: the result cannot be written to "[^"\n]*": no space left on device; the result is in "([^"\n]+)" instead\n {2}hint: free some space [^\n]*\n$/.exec(
      `\n${stderr}`,
    );
  return told === null ? null : validateResult(JSON.parse(readFileSync(told[1] ?? '', 'utf8')));
}

test.serial('a full device under --json: the report is there, and the result is in a file beside', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--kmem', '1M', '--json', '/dev/full', '--', 'echo', 'ran'], { json: false });
  t.is(ran.status, 125);
  t.is(ran.stdout, 'ran\n');
  t.regex(ran.stderr, /^kmem-run: passed/);
  t.is(writtenBeside(ran)?.outcome, 'passed', ran.stderr);
  harness.assertNothingLeft();
});

test.serial(
  'a full disk under --json, with --quiet: no half file, what was there is kept, and no result is lost',
  async (t) => {
    const harness = makeHarness(t);
    const args = ['--quiet', '--kmem', '1M', '--json', 'disk/result.json', '--', 'echo', 'ran'];
    const ran = await harness.run(args, { under: fullDisk, json: false, input: 'the one before\n' });
    t.is(ran.status, 125);
    t.is(ran.stdout, 'ran\n');
    t.is(writtenBeside(ran)?.outcome, 'passed', ran.stderr);
    t.deepEqual(harness.read('listing').trim().split('\n'), ['filler', 'result.json']);
    t.is(harness.read('kept'), 'the one before\n');
    harness.assertNothingLeft();
  },
);

test.serial(
  'a full disk under a run that could not be made: the error of the run is told, not that of the file',
  async (t) => {
    const harness = makeHarness(t);
    const ran = await harness.run(['--json', '/dev/full', '--', 'kmem-run-absent'], { json: false });
    t.is(ran.status, 127);
    t.regex(ran.stderr, /^kmem-run: command not found: kmem-run-absent\n {2}hint: [^\n]*\n$/);
  },
);

test.serial('a full disk under --output is the program’s to see', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--output', '/dev/full', '--', 'echo', 'lost']);
  t.is(ran.status, 1);
  t.is(ran.result?.outcome, 'failed');
  harness.assertNothingLeft();
});
