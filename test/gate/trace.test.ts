/** --trace-gate: valid lines, and addresses that do not depend on pids or the scheduler. */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import { type RecordedCall, readRecording } from '../../src/gate/recording.ts';
import { run } from '../../src/run/index.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { type Harness, makeHarness } from '../harness.ts';
import { lenient } from '../needs.ts';

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
const AT_ONCE = 4;

async function record(harness: Harness, limit: readonly string[], command: readonly string[]) {
  const ran = await harness.run([
    ...limit,
    '--timeout',
    lenient(30),
    '--trace-gate',
    harness.path('trace'),
    '--',
    ...command,
  ]);
  // Fatal: a line with a byte that is not UTF-8 is not JSON.
  const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(harness.path('trace')));
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line has no end');
  return { ...ran, lines: lines.map((line) => JSON.parse(line) as Line) };
}

test.serial('every line has the documented keys, whatever bytes the names contain', async (t) => {
  const harness = makeHarness(t);
  const { status, lines, result } = await record(harness, ROOMY, [compileFixture('odd-names')]);
  t.is(status, 0);
  t.is(result?.enforcement.gatedCalls, lines.length);
  let before = 0;
  for (const line of lines) {
    t.deepEqual(Object.keys(line), [
      'atMs',
      'pid',
      'tid',
      'comm',
      'exe',
      'address',
      'syscall',
      'detail',
      'usage',
      'answer',
    ]);
    t.true(line.atMs >= before && line.tid > 0 && (line.usage ?? -1) >= 0 && line.answer === 'continue');
    before = line.atMs;
  }
  t.deepEqual(
    lines.filter(({ syscall }) => syscall === 'mkdir').map(({ detail }) => detail),
    [
      'absent/quote" backslash\\ newline\n tab\t delete\x7f',
      'absent/é € 🐧',
      'absent/\udcff \udcc3 \udce2\udc82 \udced\udca0\udc80 \udcc0\udcaf end',
      `absent/${'\x01'.repeat(4088)}`,
      '',
      null,
    ],
  );
  harness.assertNothingLeft();
});

test.serial('a denied call is recorded as denied, at the address in the result', async (t) => {
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

test.serial('addresses encode the step, the clone that created the task, and the call number', async (t) => {
  const harness = makeHarness(t);
  const { lines } = await record(harness, ROOMY, [compileFixture('lineage'), 'threads']);
  const tasks = new Set(lines.map(({ address }) => address?.split('/')[0]));
  // Each of the four threads creates a thread (t1) and a process (1); the latter makes no gated call.
  t.deepEqual([...tasks].sort(), ['0', ...[1, 2, 3, 4].flatMap((n) => [`0.t${n}`, `0.t${n}.t1`])]);
  // The calls of a task identify it: thread n makes n eventfds, and so does the thread it creates.
  for (const n of [1, 2, 3, 4]) {
    for (const task of [`0.t${n}`, `0.t${n}.t1`]) {
      const made = lines.filter(({ address, syscall }) => address?.startsWith(`${task}/`) && syscall === 'eventfd2');
      t.is(made.length, n, task);
    }
  }
  harness.assertNothingLeft();
});

const programs: readonly (readonly [string, readonly string[], number])[] = [
  ['4 concurrent children with children', [compileFixture('lineage'), 'children'], RECORDINGS],
  ['children that lose their parent before their first gated call', [compileFixture('lineage'), 'orphans'], RECORDINGS],
  ['4 threads, with threads and processes of their own', [compileFixture('lineage'), 'threads'], RECORDINGS],
  ['all of these at once', [compileFixture('lineage'), 'mixed'], RECORDINGS],
  ['a pipeline of sh', ['sh', '-c', '(ls / & cat /etc/passwd & wait) | wc'], 11],
];

/** Summary of a recording: each address with the call and its object. */
function callsOf(calls: readonly RecordedCall[]) {
  return new Map(
    calls
      .map(({ address, syscall, detail }): [string, string] => [
        address ?? `unknown ${syscall}`,
        `${syscall} ${detail}`,
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** With the library: the start of Node would otherwise take most of the time. */
async function recordTo({ path, sandbox }: Harness, file: string, command: readonly string[]) {
  const traceGate = path(file);
  const common = { parent: sandbox.memory, cwd: path('.'), output: 'null', timeout: '50s', sample: null } as const;
  const { outcome } = await run({ ...common, command, traceGate });
  if (outcome !== 'passed') throw new Error(`${command.join(' ')}: ${outcome}`);
  return readRecording(traceGate);
}

/** Uses all the CPU time that it can get. */
function burn(t: ExecutionContext): void {
  for (const _ of cpus()) {
    const burner = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
    t.teardown(() => burner.kill('SIGKILL'));
  }
}

for (const [what, command, recordings] of programs) {
  test.serial(
    `${what}: ${recordings} of ${recordings} recordings have the same calls at the same addresses`,
    async (t) => {
      const harness = makeHarness(t);
      const once = await recordTo(harness, 'first', command);
      const first = callsOf(once);
      t.deepEqual(
        [...first.keys()].filter((address) => address.startsWith('unknown')),
        [],
      );
      t.is(first.size, once.length);
      for (let done = 1; done < recordings; ) {
        // Several at once, the second half alongside CPU-bound neighbours: their tasks run in ever different orders.
        const batch = Math.min(AT_ONCE, recordings - done);
        if (done <= recordings / 2 && done + batch > recordings / 2) burn(t);
        const made = await Promise.all(
          Array.from({ length: batch }, (_, index) => recordTo(harness, `trace-${index}`, command)),
        );
        for (const calls of made) t.deepEqual(callsOf(calls), first);
        done += batch;
      }
      harness.assertNothingLeft();
    },
  );
}
