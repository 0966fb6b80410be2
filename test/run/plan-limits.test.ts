/** Limits that change while the group exists. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { StepInput } from '../../src/request/run-input.ts';
import { version } from '../cgroup/sandbox.ts';
import { lenient, where } from '../needs.ts';
import { made } from './made.ts';

const v1Test = where(version === 1, 'cgroup v1', test);

const M = 1_048_576;
const NONE = { kmem: null, mem: null, memsw: null, kmemTcp: null, pids: null };
/** Makes `each` pipes whenever its file `go.N` appears, and reports each round in `log`. */
function holder(each: number) {
  return `
import os, time, itertools, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
log = open('log', 'w')
held = []
print('up', file=log, flush=True)
for turn in itertools.count():
    while not os.path.exists(f'go.{turn}'): time.sleep(0.02)
    said = 'all'
    for _ in range(${each}):
        try: held.append(os.pipe())
        except OSError as error:
            said = os.strerror(error.errno)
            break
    print(turn, said, file=log, flush=True)
`;
}

function logged(pattern: string) {
  return { log: pattern, file: 'log', within: lenient(30) };
}

function server(each: number): StepInput {
  return {
    name: 'server',
    run: ['python3', '-c', holder(each)],
    background: true,
    ready: logged('^up'),
  };
}

function turn(number: number): StepInput[] {
  return [{ run: `touch go.${number}`, outside: true }, { wait: logged(`^${number} `) }];
}

test('the limit is lowered and raised while a server runs: its calls fail in between', async (t) => {
  const { result, cwd } = await made(
    t,
    [
      server(200),
      ...turn(0),
      { name: 'squeeze', limits: { kmem: '256K' } },
      ...turn(1),
      { name: 'loosen', limits: { kmem: '64M' } },
      ...turn(2),
    ],
    { kmem: '64M' },
  );
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  const log = readFileSync(join(cwd, 'log'), 'utf8');
  t.is(log, 'up\n0 all\n1 Too many open files in system\n2 all\n');
  const limits = result.steps.map((step) => step.limits?.kmem);
  t.deepEqual(limits, [...Array(3).fill(64 * M), 256 * 1024, ...Array(2).fill(256 * 1024), ...Array(3).fill(64 * M)]);
  t.deepEqual(result.steps[0]?.limits, { ...NONE, kmem: 64 * M });
  t.is(result.limits.kmem, 64 * M);
  const squeeze = result.steps.find(({ name }) => name === 'squeeze');
  t.true((squeeze?.kmemUsage ?? 0) > 256 * 1024, 'the server held more than that already');
  // One pipe is denied in each refused round; usage from before the squeeze is no overshoot.
  t.is(result.kmem.failcnt, 1);
  t.is(result.failures[0]?.step, 0);
  t.true((result.kmem.overshoot ?? -1) >= 0 && (result.kmem.overshoot ?? M) <= 64 * 1024, `${result.kmem.overshoot}`);
  t.true((result.kmem.maxUsage ?? 0) > 256 * 1024 + 64 * 1024);
  t.false(result.enforcement.notes.some((note) => note.includes('stayed above the kmem limit')));
});

test('a limit set later starts the gate from the beginning, and removing it keeps the gate', async (t) => {
  const forks = 'sleep 30 & sleep 30 & true';
  const { result } = await made(t, [
    { run: forks },
    { limits: { kmem: '128K' } },
    { run: 'true', expect: 'exit!=0' },
    { limits: { kmem: null } },
    { run: forks },
  ]);
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.is(result.enforcement.mode, 'gate');
  t.is(result.limits.kmem, null);
  t.deepEqual(
    result.steps.map(({ limits }) => limits?.kmem),
    [null, 128 * 1024, 128 * 1024, null, null],
  );
  t.true((result.steps[2]?.failcnt ?? 0) > 0);
  t.true(result.failures.every(({ step }) => step === 2));
  t.is(result.steps[4]?.failcnt, 0);
});

test('a limit lowered below usage is not an overrun, however long it lasts', async (t) => {
  const { result } = await made(t, [server(200), ...turn(0), { limits: { kmem: '128K' } }, { wait: '600ms' }], {
    kmem: '64M',
    onOverrun: 'kill',
  });
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.is(result.kmem.overshoot, 0);
});

test('usage counts against the limit again once it was seen below it', async (t) => {
  const touch = (tables: number) => `import mmap, time
m = mmap.mmap(-1, ${tables} << 21, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
m.madvise(15)
open('up', 'w').close()
for at in range(0, ${tables} << 21, 1 << 21): m[at] = 1
open('touched', 'w').close()
while not __import__('os').path.exists('go'): time.sleep(0.02)`;
  const touched = { wait: { file: 'touched', within: lenient(30) } } as const;
  const { result, output } = await made(
    t,
    [
      { run: ['python3', '-c', touch(1500)], background: true, name: 'big' },
      touched,
      { name: 'squeeze', limits: { kmem: '2M' } },
      { run: 'touch go', outside: true },
      { wait: { step: 'big', within: lenient(30) } },
      // Freed, and seen to be freed.
      { wait: '500ms' },
      { name: 'small', run: ['python3', '-c', touch(1000)], expect: 'exit!=99' },
    ],
    { kmem: '64M' },
  );
  t.is(result.outcome, 'passed', `${output}${JSON.stringify(result.steps)}`);
  const before = result.steps[2]?.kmemUsage ?? 0;
  const last = result.steps[6]?.kmemMaxUsage ?? 0;
  t.true(last > 2 * M && last < before, 'above the limit by page faults, and below what was there at the squeeze');
  t.is(result.kmem.overshoot, last - 2 * M);
});

v1Test('kernel limits are changed together and read back', async (t) => {
  const { result } = await made(
    t,
    [
      { run: 'sleep 30 & true' },
      { limits: { mem: '256M', memsw: '256M', kmemTcp: '1M', pids: 50 } },
      { limits: { mem: '64M', memsw: '64M' } },
      { limits: { memsw: '512M' } },
      { limits: { mem: '1M', memsw: '512K' }, expect: 'error~/is below the limit on memory/' },
      { limits: { mem: null, memsw: null, kmemTcp: null, pids: null } },
    ],
    { mem: '128M' },
  );
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.is(result.enforcement.mode, 'none');
  t.deepEqual(
    result.steps.map(({ limits }) => [limits?.mem, limits?.memsw, limits?.kmemTcp, limits?.pids]),
    [
      [128 * M, null, null, null],
      [256 * M, 256 * M, M, 50],
      [64 * M, 64 * M, M, 50],
      [64 * M, 512 * M, M, 50],
      [64 * M, 512 * M, M, 50],
      [null, null, null, null],
    ],
  );
});

test('a process limit applies from the step that sets it', async (t) => {
  const { result } = await made(t, [
    { run: 'sleep 0 & wait' },
    { limits: { pids: 1 } },
    { run: 'sleep 0 & wait', expect: 'exit!=0' },
    { limits: { pids: 20 } },
    { run: 'sleep 0 & wait' },
  ]);
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.true((result.pids?.failcnt ?? 0) > 0);
});

v1Test('a limit rejected by the kernel fails the step with a reason and changes nothing', async (t) => {
  const hold = `import os, time
m = bytearray(64 << 20)
open('up', 'w').close()
time.sleep(60)`;
  const { result } = await made(
    t,
    [
      { name: 'server', run: ['python3', '-c', hold], background: true, ready: { file: 'up', within: lenient(30) } },
      { name: 'squeeze', limits: { pids: 30, mem: '8M', memsw: '8M' } },
      { run: 'true' },
    ],
    { mem: '256M', memsw: '256M', pids: 40 },
  );
  t.is(result.outcome, 'failed');
  const squeeze = result.steps[1];
  t.is(squeeze?.exit.code, 1);
  t.regex(
    squeeze?.error ?? '',
    /memory\.(memsw\.)?limit_in_bytes: asked 8388608, the write fails \(EBUSY\), .* are in use/,
  );
  for (const { limits } of result.steps) t.like(limits, { mem: 256 * M, memsw: 256 * M, pids: 40 });
});

test('a limit that this cgroup version does not support fails the step', async (t) => {
  const { result } = await made(t, [{ run: 'true' }, { limits: { kmemTcp: '1M' } }], { enforce: 'none' });
  t.is(result.steps[1]?.exit.code, version === 1 ? 0 : 1);
  t.is(result.steps[1]?.error === null, version === 1);
});

test('with --enforce none, a kmem limit is not enforced, and a note says so', async (t) => {
  const { result } = await made(t, [{ run: 'true' }, { limits: { kmem: '4K' } }, { run: 'true' }], { enforce: 'none' });
  t.is(result.outcome, 'passed');
  t.is(result.steps[2]?.limits?.kmem, null);
  t.true(result.enforcement.notes.some((note) => note.includes('was not enforced, as requested')));
});
