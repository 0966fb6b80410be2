/** --trace-gate: valid lines, and addresses that do not depend on pids or the scheduler. */

import { readFileSync } from 'node:fs';
import test from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { type Harness, makeHarness } from '../harness.ts';

type Line = Readonly<{
  atMs: number;
  pid: number | null;
  tid: number;
  comm: string | null;
  address: string | null;
  syscall: string;
  detail: string | null;
  usage: number | null;
  answer: string;
}>;

const ROOMY = ['--kmem', '64M'];
const RECORDINGS = 50;

async function record(harness: Harness, limit: readonly string[], command: readonly string[]) {
  const ran = await harness.run([
    ...limit,
    '--timeout',
    '30s',
    '--trace-gate',
    harness.path('trace'),
    '--',
    ...command,
  ]);
  // Fatal: a byte that is not UTF-8 makes the line no JSON.
  const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(harness.path('trace')));
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line has no end');
  return { ...ran, lines: lines.map((line) => JSON.parse(line) as Line) };
}

const addressesOf = (lines: readonly Line[]) =>
  lines.map(({ address, syscall }) => address ?? `unknown ${syscall}`).sort();

test.serial('every line has the documented keys, whatever the names are made of', async (t) => {
  const harness = makeHarness(t);
  const { status, lines, result } = await record(harness, ROOMY, [compileFixture('odd-names')]);
  t.is(status, 0);
  t.is(result?.enforcement.gatedCalls, lines.length);
  let before = 0;
  for (const line of lines) {
    t.deepEqual(Object.keys(line), ['atMs', 'pid', 'tid', 'comm', 'address', 'syscall', 'detail', 'usage', 'answer']);
    t.true(line.atMs >= before && line.tid > 0 && (line.usage ?? -1) >= 0 && line.answer === 'continue');
    before = line.atMs;
  }
  t.deepEqual(
    lines.filter(({ syscall }) => syscall === 'mkdir').map(({ detail }) => detail),
    [
      'absent/quote" backslash\\ newline\n tab\t delete\x7f',
      'absent/é € 🐧',
      'absent/\ufffd \ufffd \ufffd\ufffd \ufffd\ufffd\ufffd \ufffd\ufffd end',
      `absent/${'\x01'.repeat(4088)}`,
      '',
      null,
    ],
  );
  harness.assertNothingLeft();
});

test.serial('a denied call is told as denied, at the address that the result gives', async (t) => {
  const harness = makeHarness(t);
  const { lines, result } = await record(harness, ['--kmem', '1M'], [compileFixture('exhaust'), 'pipe']);
  const denied = lines.filter(({ answer }) => answer === 'deny');
  t.deepEqual(
    denied.map(({ address, syscall, usage }) => ({ address, syscall, usage })),
    result?.failures.map(({ address, syscall, usage }) => ({ address, syscall, usage })),
  );
  t.regex(denied[0]?.address ?? '', /^0\/\d+:pipe2$/);
  harness.assertNothingLeft();
});

test.serial('addresses tell the step, the clone that made the task, and the number of the call', async (t) => {
  const harness = makeHarness(t);
  const { lines } = await record(harness, ROOMY, [compileFixture('lineage'), 'threads']);
  const tasks = new Set(lines.map(({ address }) => address?.split('/')[0]));
  // Each of the four threads makes a thread (t1) and a process (1) of its own; the latter makes no gated call.
  t.deepEqual([...tasks].sort(), ['0', ...[1, 2, 3, 4].flatMap((n) => [`0.t${n}`, `0.t${n}.t1`])]);
  // What a task does tells which one it is: thread n makes n eventfds, and so does its own.
  for (const n of [1, 2, 3, 4]) {
    for (const task of [`0.t${n}`, `0.t${n}.t1`]) {
      const made = lines.filter(({ address, syscall }) => address?.startsWith(`${task}/`) && syscall === 'eventfd2');
      t.is(made.length, n, task);
    }
  }
  harness.assertNothingLeft();
});

const programs: readonly (readonly [string, (folder: Harness) => readonly string[]])[] = [
  ['4 concurrent children with children', () => [compileFixture('lineage'), 'children']],
  ['children that lose their parent before their first gated call', () => [compileFixture('lineage'), 'orphans']],
  ['4 threads, with threads and processes of their own', () => [compileFixture('lineage'), 'threads']],
  ['all of these at once', () => [compileFixture('lineage'), 'mixed']],
  ['a pipeline of sh', () => ['sh', '-c', '(ls / & cat /etc/passwd & wait) | wc']],
];

for (const [what, command] of programs) {
  test.serial(`${what}: every recording has the same addresses, and none is unknown`, async (t) => {
    const harness = makeHarness(t);
    const first = addressesOf((await record(harness, ROOMY, command(harness))).lines);
    t.deepEqual(
      first.filter((address) => address.startsWith('unknown')),
      [],
    );
    t.is(new Set(first).size, first.length);
    for (let recording = 1; recording < RECORDINGS; recording += 1) {
      const next = addressesOf((await record(harness, ROOMY, command(harness))).lines);
      t.deepEqual(next, first, `recording ${recording}`);
    }
    harness.assertNothingLeft();
  });
}
