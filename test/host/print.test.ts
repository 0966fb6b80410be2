/** Commands that print to a stdout or stderr that accepts nothing. */

import test from 'ava';
import { assertRefused, makeHarness } from '../harness.ts';

/** A pipe without a reader at this descriptor. */
function unread(descriptor: 1 | 2): readonly string[] {
  return ['sh', '-c', `mkfifo unread; exec 9<> unread ${descriptor}> unread 9<&-; rm unread; exec "$@"`, 'sh'];
}

function redirected(redirection: string): readonly string[] {
  return ['sh', '-c', `exec "$@" ${redirection}`, 'sh'];
}

const printing: readonly (readonly string[])[] = [
  ['--version'],
  ['--help'],
  ['run', '--dry-run', '--', 'true'],
  ['sweep', '--kmem', '4M', '--dry-run', '--', 'true'],
  ['schema'],
  ['history'],
  ['kernel', 'list'],
  ['scenario', 'schema'],
  ['merge', '--help'],
  ['completion', 'bash'],
];

for (const words of printing) {
  test.serial(`stdout cannot be written: ${words.join(' ')}`, async (t) => {
    const { run, folder } = makeHarness(t);
    const start = { json: false, env: { HOME: folder } };
    const full = await run(words, { ...start, under: redirected('> /dev/full') });
    t.is(full.status, 125);
    assertRefused(t, full, /^kmem-run: stdout cannot be written: no space left on device$/);
    const broken = await run(words, { ...start, under: unread(1) });
    // As with `| head`: the reader has had enough.
    t.is(broken.status, 0);
    t.is(broken.stderr, '');
  });
}

const stderrs: readonly (readonly [what: string, under: readonly string[]])[] = [
  ['a full device', redirected('2> /dev/full')],
  ['a pipe that nobody reads', unread(2)],
  ['closed', redirected('2>&-')],
];

for (const [what, under] of stderrs) {
  test.serial(`stderr is ${what}: exit status and result are unaffected`, async (t) => {
    const harness = makeHarness(t);
    for (const code of [0, 7]) {
      const { status, result } = await harness.run(['--kmem', '4M', '--', 'sh', '-c', `exit ${code}`], { under });
      t.is(status, code);
      t.is(result?.exit.code, code);
    }
    const absent = await harness.run(['--kmem', '4M', '--', 'kmem-run-absent'], { under });
    t.is(absent.status, 127);
    harness.assertNothingLeft();
  });
}

const stdouts: readonly (readonly [what: string, under: readonly string[], reason: string])[] = [
  ['closed', redirected('>&-'), 'it is closed'],
  ['a pipe that nobody reads', unread(1), 'broken pipe'],
  ['a full device', redirected('> /dev/full'), 'no space left on device'],
];

for (const [what, under, reason] of stdouts) {
  test.serial(`stdout is ${what} with --json -: exits with 125 and writes the result to a file`, async (t) => {
    const harness = makeHarness(t);
    const args = ['--quiet', '--kmem', '4M', '--output', 'null', '--json', '-', '--', 'true'];
    const { status, stderr } = await harness.run(args, { json: false, under });
    t.is(status, 125);
    const told =
      /^kmem-run: stdout cannot be written: ([^;\n]+); the result is in "([^"\n]+)" instead\n {2}hint: /.exec(stderr);
    t.is(told?.[1], reason, stderr);
    t.is(JSON.parse(harness.read(told?.[2]?.split('/').at(-1) ?? '')).outcome, 'passed');
    harness.assertNothingLeft();
  });
}

test.serial('stdout may be /dev/null with --json -', async (t) => {
  const { run } = makeHarness(t);
  const args = ['--quiet', '--kmem', '4M', '--output', 'null', '--json', '-', '--', 'true'];
  t.is((await run(args, { json: false, under: redirected('> /dev/null') })).status, 0);
});
