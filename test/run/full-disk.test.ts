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

test.serial('--json on a full device: the report is printed, and the result is saved elsewhere', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--kmem', '1M', '--json', '/dev/full', '--', 'echo', 'ran'], { json: false });
  t.is(ran.status, 125);
  t.is(ran.stdout, 'ran\n');
  t.regex(ran.stderr, /^kmem-run: passed/);
  t.is(writtenBeside(ran)?.outcome, 'passed', ran.stderr);
  harness.assertNothingLeft();
});

test.serial(
  '--json on a full disk, with --quiet: no partial file, the old file is kept, no result is lost',
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

test.serial('if the run cannot start and the disk is full, the run’s error is reported, not the file’s', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--json', '/dev/full', '--', 'kmem-run-absent'], { json: false });
  t.is(ran.status, 127);
  t.regex(ran.stderr, /^kmem-run: command not found: kmem-run-absent\n {2}hint: [^\n]*\n$/);
});

test.serial('the program sees a full disk under --output', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--output', '/dev/full', '--', 'echo', 'lost']);
  t.is(ran.status, 1);
  t.is(ran.result?.outcome, 'failed');
  harness.assertNothingLeft();
});
