/** Call arguments in memory that cannot be read in time: the gate does not wait for ever. */

import anyTest from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { needs } from '../needs.ts';

const test = anyTest.serial;
const userfault = compileFixture('userfault');
/** The fixture's exit status if the kernel has no userfaultfd. */
const LACKING = 77;

for (const [call, end] of [
  ['open', 'No such file or directory'],
  ['connect', 'No such file or directory'],
  ['clone3', 'done'],
] as const) {
  test(`a gated call that fills in the arguments of ${call} does not block the run`, async (t) => {
    const harness = makeHarness(t);
    const trace = ['--trace-gate', harness.path('trace')];
    const { status, stdout, result } = await harness.run(['--kmem', '64M', ...trace, '--', userfault, call]);
    if (!needs(t, status !== LACKING, 'userfaultfd(2)')) return;
    t.is(stdout, `${call}: ${end}\n`);
    t.is(result?.outcome, 'passed');
    harness.assertNothingLeft();
  });
}

test('a denied call with an unreadable path has no detail', async (t) => {
  const harness = makeHarness(t);
  const { status, stdout, result } = await harness.run(['--kmem', '2M', '--', userfault, 'denied']);
  if (!needs(t, status !== LACKING, 'userfaultfd(2)')) return;
  t.is(stdout, 'denied: Cannot allocate memory\n');
  const [failure] = result?.failures.filter(({ syscall }) => syscall?.startsWith('open')) ?? [];
  t.is(failure?.detail, null);
  harness.assertNothingLeft();
});
