/**
 * Page faults over the kmem limit, which the gate cannot see: a BPF program ends them with a signal. The program here
 * touches one page in each 2 MiB, and each needs a page table.
 */

import anyTest, { type ExecutionContext } from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness, type Ran } from '../harness.ts';
import { needs } from '../needs.ts';
import { whyNoPrograms } from '../programs.ts';
import { made } from './made.ts';

const test = anyTest.serial;
const LIMIT = 512 * 1024;
const PAGE = 4096;
const MOST = 4 * PAGE;
/** This many page tables are seven times the limit. */
const PAGES = 1000;
/** A signal takes effect when the call has ended; each part of readv faults. */
const PARTS = 1024;

const canWatch = (t: ExecutionContext): boolean => needs(t, whyNoPrograms === null, `BPF programs: ${whyNoPrograms}`);

const KILLED = 'exit.signal==SIGBUS';

type Result = NonNullable<Ran['result']>;

async function touch(
  t: ExecutionContext,
  how: string,
  options: readonly string[] = ['--on-fault', 'sigbus'],
): Promise<Ran & { result: Result }> {
  const harness = makeHarness(t);
  const ran = await harness.run(['--kmem', `${LIMIT}`, ...options, '--', compileFixture('sparse'), `${PAGES}`, how]);
  harness.assertNothingLeft();
  if (ran.result === null) throw new Error(`no result: ${ran.stderr}`);
  return { ...ran, result: ran.result };
}

/** Each failure is a page fault and is counted everywhere; `signals` are in order. */
function assertFaults(t: ExecutionContext, result: Result, syscall: string | null, signals: readonly string[]): void {
  t.deepEqual(
    result.failures.map(({ fault }) => fault?.signal),
    signals,
  );
  for (const failure of result.failures) {
    t.like(failure, { comm: 'sparse', syscall, detail: 'page fault', errno: null, step: 0, injected: false });
    // A process that was killed may be gone when its path is looked up.
    t.regex(failure.exe ?? '/sparse', /\/sparse$/);
    t.is(failure.fault?.bytes, PAGE);
    // Address of the touched page: the first in its 2 MiB.
    t.is(Number(BigInt(failure.fault?.address ?? '0x1') % BigInt(PAGE)), 0, `${failure.fault?.address}`);
    // Usage need not rise each time: a page of an earlier process may be freed in between.
    t.true((failure.usage ?? 0) > LIMIT, `${failure.usage}`);
  }
  const count = signals.length;
  t.is(result.kmem.failcnt, count);
  t.is(result.steps[0]?.failcnt, count);
  t.deepEqual(result.failureCounts, [{ comm: 'sparse', syscall, errno: null, count }]);
}

const SIGBUS = ['SIGBUS'];
const THEN_KILLED = ['SIGBUS', 'SIGKILL'];

/** How the program handles SIGBUS, and the result. */
const ways: Readonly<Record<string, readonly [syscall: string | null, signals: readonly string[], exit: object]>> = {
  default: [null, SIGBUS, { code: null, signal: 'SIGBUS' }],
  ignore: [null, THEN_KILLED, { code: null, signal: 'SIGKILL' }],
  block: [null, THEN_KILLED, { code: null, signal: 'SIGKILL' }],
  return: [null, THEN_KILLED, { code: null, signal: 'SIGKILL' }],
  exit: [null, SIGBUS, { code: 3, signal: null }],
  read: ['read', SIGBUS, { code: null, signal: 'SIGBUS' }],
};

for (const [how, [syscall, signals, exit]] of Object.entries(ways)) {
  test(`SIGBUS, ${how}: the overshoot stays within 16 KiB, and each fault is named and counted`, async (t) => {
    if (!canWatch(t)) return;
    const { result, stdout, stderr } = await touch(t, how);
    const { overshoot } = result.kmem;
    t.log(`overshoot ${overshoot}`);
    t.true((overshoot ?? 0) > 0 && (overshoot ?? MOST + 1) <= MOST, `${overshoot}`);
    t.deepEqual(result.exit, exit);
    t.is(stdout, '', 'it did not get to its end');
    assertFaults(t, result, syscall, signals);
    t.regex(stderr, /^kmem-run: .* kmem-run denied it \d allocations?/m);
    if (syscall !== null) t.regex(stderr, /1 × read in a page fault$/m);
    t.like(result.enforcement.programs, { faults: 'sigbus', faultPages: signals.length, lost: 0, missed: 0 });
  });
}

test('--on-fault kill: the first fault over the limit is the last', async (t) => {
  if (!canWatch(t)) return;
  const { result } = await touch(t, 'ignore', ['--on-fault', 'kill']);
  t.is(result.exit.signal, 'SIGKILL');
  t.true((result.kmem.overshoot ?? MOST + 1) <= MOST, `${result.kmem.overshoot}`);
  assertFaults(t, result, null, ['SIGKILL']);
  t.is(result.enforcement.programs?.faults, 'kill');
});

test('--on-fault note: nothing is killed, and page fault charges are counted', async (t) => {
  if (!canWatch(t)) return;
  const { result, status, stderr } = await touch(t, 'default', ['--on-fault', 'note']);
  t.is(status, 0);
  t.true(result.failures.every(({ fault, syscall }) => fault === null && syscall !== null));
  const { programs, notes } = result.enforcement;
  const { overshoot } = result.kmem;
  t.log(`overshoot ${overshoot}, ${programs?.faultPages} pages`);
  t.true((overshoot ?? 0) > 100 * PAGE);
  t.is(programs?.faults, 'note');
  t.is(programs?.faultBytes, (programs?.faultPages ?? 0) * PAGE);
  // All other overshoot was charged within calls.
  const others = (overshoot ?? 0) - (programs?.faultBytes ?? 0);
  t.true(others >= 0 && others <= MOST, `${others}`);
  t.regex(notes.join('\n'), new RegExp(`page faults took ${programs?.faultPages} pages .*--on-fault sigbus`));
  t.regex(stderr, /page faults took /);
});

test('a call that faults a thousand times cannot be stopped, and does not count as a thousand failures', async (t) => {
  if (!canWatch(t)) return;
  const { result } = await touch(t, 'readv');
  t.log(`overshoot ${result.kmem.overshoot}`);
  assertFaults(t, result, 'readv', THEN_KILLED);
  t.is(result.exit.signal, 'SIGKILL');
  const { faultPages, faultBytes } = result.enforcement.programs ?? {};
  t.true((faultPages ?? 0) > 100 && (faultPages ?? PARTS) < PARTS, `${faultPages}`);
  const others = (result.kmem.overshoot ?? 0) - (faultBytes ?? 0);
  t.true(others >= 0 && others <= MOST, `${others}`);
});

test('faults are attributed to their step, and a raised limit applies from then on', async (t) => {
  if (!canWatch(t)) return;
  const sparse = [compileFixture('sparse'), `${PAGES}`, 'default'];
  const plan = [{ run: 'true' }, { run: sparse, expect: KILLED }, { limits: { kmem: '64M' } }, { run: sparse }];
  const { result, output } = await made(t, plan, { kmem: LIMIT, onFault: 'sigbus' });
  t.is(result.outcome, 'passed', JSON.stringify(result.steps));
  t.is(output, 'touched all\n');
  t.deepEqual(
    result.steps.map(({ failcnt }) => failcnt ?? 0),
    [0, 1, 0, 0],
  );
  t.deepEqual(
    result.failures.map(({ step, detail }) => [step, detail]),
    [[1, 'page fault']],
  );
  t.true((result.kmem.overshoot ?? MOST + 1) <= MOST, `${result.kmem.overshoot}`);
});

test('a limit lowered or set by a step applies from then on', async (t) => {
  if (!canWatch(t)) return;
  const sparse = [compileFixture('sparse'), `${PAGES}`, 'default'];
  const plan = [{ run: 'true' }, { limits: { kmem: LIMIT } }, { run: sparse, expect: KILLED }];
  for (const kmem of ['64M', null]) {
    const told: (number | null)[] = [];
    const { result } = await made(t, plan, { kmem, onFault: 'sigbus' }, { onFailure: ({ step }) => told.push(step) });
    t.is(result.outcome, 'passed', JSON.stringify(result.steps));
    t.deepEqual(
      result.failures.map(({ step, fault }) => [step, fault?.signal]),
      [[2, 'SIGBUS']],
    );
    t.deepEqual(told, [2], 'while it ran');
    t.is(result.enforcement.programs?.faults, 'sigbus');
    t.true((result.kmem.maxUsage ?? Number.POSITIVE_INFINITY) <= LIMIT + MOST, `${result.kmem.maxUsage}`);
  }
});

test('without a limit, and under --enforce none, nothing is killed', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  for (const options of [[], ['--kmem', `${LIMIT}`, '--enforce', 'none']]) {
    const { status, result } = await harness.run([...options, '--', compileFixture('sparse'), `${PAGES}`, 'default']);
    t.is(status, 0);
    t.deepEqual(result?.failures, []);
    t.like(result?.enforcement.programs, { faults: null, faultPages: null, faultBytes: null });
  }
});

test('a task that reuses the number of a killed one is killed as well', async (t) => {
  if (!canWatch(t)) return;
  const harness = makeHarness(t);
  const command = [compileFixture('same-number'), `${PAGES}`];
  const { result, stdout, stderr } = await harness.run([
    '--kmem',
    `${LIMIT}`,
    '--on-fault',
    'sigbus',
    '--',
    ...command,
  ]);
  const touched = stdout.trim().split('\n').map(Number);
  t.is(touched.length, 2, stderr);
  t.true(
    touched.every((pages) => pages < PAGES),
    stdout,
  );
  t.true((result?.kmem.overshoot ?? MOST + 1) <= MOST, `${result?.kmem.overshoot}`);
  harness.assertNothingLeft();
});
