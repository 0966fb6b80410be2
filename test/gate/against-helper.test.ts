/** Ways around the gate through its helper: other users are denied them; root's show in the result. */

import test from 'ava';
import { stateOf } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { lenient } from '../needs.ts';

const LIMIT = 1 << 20;
/** They need about seven times the limit. */
const PIPES = 3000;
const OPTIONS = ['--kmem', `${LIMIT}`, '--timeout', lenient(30)];

function words(way: string): string[] {
  return [compileFixture('against-helper'), way, `${PIPES}`, `${LIMIT}`];
}

for (const [way, expected] of Object.entries({ answer: 137, memory: 0 }))
  test(`a root command can disable the gate (${way}), and its excess usage is reported`, async (t) => {
    const harness = makeHarness(t);
    const { status, stdout, stderr, result } = await harness.run([...OPTIONS, '--', ...words(way)]);
    t.is(status, expected, stderr);
    t.is(stdout, `done ${PIPES}\n`);
    t.true((result?.kmem.maxUsage ?? 0) > 4 * LIMIT);
    t.true((result?.kmem.overshoot ?? 0) > 3 * LIMIT);
    harness.assertNothingLeft();
  });

test('a command that traces the helper stays gated and is named', async (t) => {
  const harness = makeHarness(t);
  const { status, stdout, stderr, result } = await harness.run([...OPTIONS, '--', ...words('trace')]);
  t.is(status, 0, stderr);
  t.regex(stdout, /^done \d+\n$/);
  t.true(Number(stdout.split(' ')[1]) < PIPES);
  t.regex(result?.enforcement.notes.join('\n') ?? '', /against-helper traces processes/);
  harness.assertNothingLeft();
});

for (const [way, errno] of Object.entries({ answer: 'EACCES', memory: 'EACCES', trace: 'EPERM' }))
  test(`another user’s command cannot disable the gate (${way})`, async (t) => {
    const harness = makeHarness(t);
    const { status, stdout, stderr, result } = await harness.run([...OPTIONS, '--user', 'nobody', '--', ...words(way)]);
    t.is(status, 0, stderr);
    t.regex(stdout, new RegExp(`^${errno} \\d+\n$`));
    t.true(Number(stdout.split(' ')[1]) < PIPES);
    t.true((result?.kmem.failcnt ?? 0) > 0);
    t.true((result?.kmem.overshoot ?? LIMIT) < LIMIT / 4);
    harness.assertNothingLeft();
  });

test('a process created as a child of the helper is gated, reported as left over, and killed', async (t) => {
  const harness = makeHarness(t);
  const { stdout, stderr, result } = await harness.run([...OPTIONS, '--wait', 'exit', '--', ...words('sibling')]);
  t.regex(stdout, /^done \d+\n$/, stderr);
  t.true(Number(stdout.split(' ')[1]) < PIPES);
  const [left, ...more] = result?.leftover ?? [];
  t.deepEqual([left?.comm, more.length], ['against-helper', 0]);
  t.is(stateOf(left?.pid ?? 0), null);
  harness.assertNothingLeft();
});
