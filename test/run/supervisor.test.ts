import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { helperPath } from '../../src/gate/helper.ts';
import type { GateConfig } from '../../src/gate/policy.ts';
import type { GateEvent } from '../../src/gate/protocol.ts';
import { normaliseSpec, type RunInput } from '../../src/request/normalise.ts';
import { gateConfig, planRun } from '../../src/run/plan.ts';
import { setupErrorOf } from '../../src/run/setup-errors.ts';
import { createStop } from '../../src/run/stop.ts';
import { startSupervisor, untilLocked } from '../../src/run/supervisor.ts';
import { makeSandbox, stateOf, until, version } from '../cgroup/sandbox.ts';
import { slowness } from '../needs.ts';
import { childrenOf } from '../processes.ts';

const TIMEOUT_MS = 20_000 * slowness;

/** The helper with the test's own group, ready for a step that creates ./marker. */
async function supervise(
  t: ExecutionContext,
  input: Partial<RunInput>,
  change: (folder: string) => Partial<GateConfig>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-supervisor-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const group = makeSandbox(t).group({ pids: false });
  const spec = normaliseSpec({ ...input, command: ['touch', 'marker'], cwd: folder });
  const plan = await planRun(spec, null);
  const lockFile = join(folder, 'lock');
  const lockFd = openSync(lockFile, 'w');
  const stdio = { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' } as const;
  const events: GateEvent[] = [];
  const supervisor = startSupervisor({
    helper: helperPath(),
    lockFd,
    stdio,
    onEvent: (event) => events.push(event),
    onLost: () => {},
  });
  t.teardown(supervisor.kill);
  // If an event never arrives, waiting for it fails once the helper has exited.
  const timer = setTimeout(supervisor.kill, TIMEOUT_MS);
  t.teardown(() => clearTimeout(timer));
  await supervisor.next('locked');
  supervisor.configure({ ...gateConfig(plan, spec, group, lockFile), ...change(folder) });
  const step = plan.steps[0]?.request;
  if (step == null) throw new Error('no step');
  return { supervisor, step, events, hasRun: () => existsSync(join(folder, 'marker')) };
}

/** Returns how many bytes the pipe took. */
function fill(pipe: number): number {
  for (let size = 0; ; ) {
    try {
      size += writeSync(pipe, Buffer.alloc(4096));
    } catch {
      return size;
    }
  }
}

/** As under cgroup.memory=nokmem: a counter that stays 0. */
function still(folder: string) {
  const usage = join(folder, 'usage');
  writeFileSync(usage, version === 1 ? '0\n' : 'kernel 0\n');
  return { usage };
}

test.serial('if kernel memory is not accounted, a limit is refused and nothing runs', async (t) => {
  const { supervisor, step, hasRun } = await supervise(t, { kmem: '1M' }, still);
  supervisor.step(step);
  const told = await supervisor.next('go', 'denied', 'setup-error');
  if (told.event !== 'setup-error') return t.fail(told.event);
  const error = setupErrorOf(told, 'touch');
  t.is(error.code, 'kmem-not-accounted');
  t.regex(error.message, /stays 0 while a task runs in the group/);
  t.regex(error.hint, /nokmem/);
  supervisor.finish();
  await supervisor.ended;
  t.false(hasRun());
});

test.serial('without a limit, the command runs although the counter stays 0', async (t) => {
  const { supervisor, step, hasRun } = await supervise(t, {}, still);
  supervisor.step(step);
  t.is((await supervisor.next('go', 'setup-error')).event, 'go');
  t.like(await supervisor.next('exit'), { code: 0, signal: null });
  supervisor.finish();
  await supervisor.ended;
  t.true(hasRun());
});

test.serial('a missing counter is an error', async (t) => {
  const { supervisor, hasRun } = await supervise(t, { kmem: '1M' }, (folder) => ({ usage: join(folder, 'absent') }));
  const told = await supervisor.next('setup-error');
  const error = setupErrorOf(told, 'touch');
  t.is(error.code, 'helper-failed');
  t.regex(error.message, /"counter" \(.*\/absent\) \(ENOENT\)/);
  t.false(hasRun());
});

test.serial('a group gone before the step is an error', async (t) => {
  const { supervisor, step, hasRun } = await supervise(t, { kmem: '1M' }, (folder) =>
    version === 1 ? { join: [join(folder, 'tasks')] } : { joinInto: join(folder, 'join') },
  );
  supervisor.step(step);
  const told = await supervisor.next('go', 'denied', 'setup-error');
  if (told.event !== 'setup-error') return t.fail(told.event);
  t.is(setupErrorOf(told, 'touch').code, 'cannot-join');
  t.false(hasRun());
});

test.serial('if a command ends before its joiner, the gate keeps answering and the exit is reported', async (t) => {
  let full = '';
  const { supervisor, step, hasRun, events } = await supervise(t, { kmem: '1M' }, (folder) => {
    full = join(folder, 'full');
    execFileSync('mkfifo', [full]);
    return { lateJoin: [full] };
  });
  // The command reports that it has joined to a pipe that nobody reads: it blocks there, and its joiner waits for it
  // to execute.
  const pipe = openSync(full, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => closeSync(pipe));
  const size = fill(pipe);
  supervisor.step(step);
  const started = () => childrenOf(childrenOf(supervisor.pid)[0] ?? 0);
  const waiting = () => started().filter((pid) => stateOf(pid) === 'D');
  await until(() => waiting().length > 0 && stateOf(started().at(-1) ?? 0) === 'S');
  const starters = waiting();
  for (const pid of starters) process.kill(pid, 'SIGSTOP');
  readSync(pipe, Buffer.alloc(size));
  const { pid } = await supervisor.next('go');
  await until(() => stateOf(pid) === null);
  t.true(hasRun());
  supervisor.askTotals();
  t.is((await supervisor.next('totals', 'exit')).event, 'totals');
  for (const pid of starters) process.kill(pid, 'SIGCONT');
  t.like(await supervisor.next('exit'), { code: 0, signal: null });
  supervisor.finish();
  await supervisor.ended;
  t.deepEqual(
    events.filter(({ event }) => event === 'setup-error'),
    [],
  );
});

test.serial('a helper that cannot be started or is not one is an error', async (t) => {
  const lockFd = openSync('/dev/null', 'r');
  const stdio = { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' } as const;
  const start = (helper: string) => startSupervisor({ helper, lockFd, stdio, onEvent: () => {}, onLost: () => {} });
  t.like(
    t.throws(() => start('/absent/kmem-helper')),
    { name: 'SetupError', code: 'helper-failed' },
  );
  const none = start('/bin/true');
  t.like(await t.throwsAsync(none.next('locked')), { name: 'SetupError', code: 'gate-lost' });
  await none.ended;
});

test.serial('a helper that is stopped before its first event is ended with the run', async (t) => {
  // Well before the minute after which a helper is given up in any case.
  t.timeout(30_000);
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-supervisor-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const helper = join(folder, 'mute');
  writeFileSync(helper, '#!/bin/sh\nkill -STOP $$\n', { mode: 0o755 });
  const lockFd = openSync('/dev/null', 'r');
  t.teardown(() => closeSync(lockFd));
  const stdio = { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' } as const;
  const supervisor = startSupervisor({ helper, lockFd, stdio, onEvent: () => {}, onLost: () => {} });
  t.teardown(supervisor.kill);
  const stop = createStop();
  const locked = untilLocked(supervisor, stop);
  await until(() => stateOf(supervisor.pid) === 'T');
  stop.end('interrupted');
  t.like(await t.throwsAsync(locked), {
    code: 'gate-lost',
    message: 'the native helper did not respond after starting',
  });
  await supervisor.ended;
  t.is(stateOf(supervisor.pid), null);
});

test('a helper killed by the interrupting signal is reported lost only after the run is interrupted', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-supervisor-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const helper = join(folder, 'new');
  writeFileSync(helper, '#!/bin/sh\nkill -INT $$\n', { mode: 0o755 });
  const lockFd = openSync('/dev/null', 'r');
  t.teardown(() => closeSync(lockFd));
  const stdio = { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' } as const;
  const supervisor = startSupervisor({ helper, lockFd, stdio, onEvent: () => {}, onLost: () => {} });
  const stop = createStop();
  const locked = untilLocked(supervisor, stop);
  t.is(await supervisor.ended, 'SIGINT');
  setImmediate(() => stop.interrupt('SIGINT'));
  t.like(await t.throwsAsync(locked), { code: 'gate-lost' });
  t.is(stop.reason(), 'interrupted');
});
