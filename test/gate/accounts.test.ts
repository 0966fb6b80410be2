/** What is booked on a step after its end, what is told of orphans, and what `close` ends: by the helper's own events. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { constants as os, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { helperPath } from '../../src/gate/helper.ts';
import type { GateConfig } from '../../src/gate/policy.ts';
import {
  encodeClose,
  encodeConfig,
  encodeFinish,
  encodeLimit,
  encodeStep,
  encodeTotals,
  type GateEvent,
} from '../../src/gate/protocol.ts';
import { lineSplitter } from '../../src/host/lines.ts';
import { normaliseSpec, type RunInput } from '../../src/request/normalise.ts';
import { gateConfig, planRun } from '../../src/run/plan.ts';
import { makeSandbox, stateOf, until } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { slowness } from '../needs.ts';

type Kind = GateEvent['event'];
type Of<K extends Kind> = Extract<GateEvent, { event: K }>;

const PATIENCE_MS = 60_000 * slowness;
const KIB = 1024;
const { SIGKILL, SIGSEGV, SIGTERM } = os.signals;
/** More than there is room for in any test. */
const ALL = 100_000;
const SLEEP = ['/bin/sleep', '1000'] as const;

/** The helper by itself: what it tells, and the lines that what it starts writes. */
async function startHelper(t: ExecutionContext, lockFile: string) {
  const lock = openSync(lockFile, 'w');
  const helper = spawn(helperPath(), ['supervise'], { stdio: ['ignore', 'pipe', 'inherit', 'pipe', lock], env: {} });
  closeSync(lock);
  const kill = (): void => void helper.kill('SIGKILL');
  t.teardown(kill);
  // An event or a line that never comes: waiting for it fails once the helper is gone.
  const patience = setTimeout(kill, PATIENCE_MS);
  t.teardown(() => clearTimeout(patience));
  const ended = once(helper, 'close');
  const control = helper.stdio[3] as Socket;
  const events: GateEvent[] = [];
  let [taken, arrived] = [0, Promise.withResolvers<void>()];
  control.on(
    'data',
    lineSplitter((line) => {
      events.push(JSON.parse(line) as GateEvent);
      arrived.resolve();
      arrived = Promise.withResolvers();
    }),
  );
  control.on('error', () => {});
  const gone = ended.then(() => Promise.reject(new Error(`the helper is gone: ${JSON.stringify(events)}`)));
  gone.catch(() => {});
  /** The next one of this kind; those before it are passed over. */
  const next = async <K extends Kind>(kind: K): Promise<Of<K>> => {
    for (;;) {
      while (taken < events.length) {
        const event = events[taken++];
        if (event?.event === kind) return event as Of<K>;
      }
      await Promise.race([arrived.promise, gone]);
    }
  };
  await next('locked');
  const lines = createInterface({ input: helper.stdout as Readable })[Symbol.asyncIterator]();
  const send = (message: Buffer): void => void control.write(message);
  return { pid: helper.pid ?? 0, events, next, lines, send, ended };
}

/** With a group of the test's own, configured: 1 MiB, unless changed. */
async function supervise(
  t: ExecutionContext,
  change: (folder: string) => Partial<GateConfig> = () => ({}),
  input: Partial<RunInput> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-accounts-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const group = makeSandbox(t).group({ pids: false });
  const spec = normaliseSpec({ kmem: '1M', ...input, command: ['true'] });
  const lockFile = join(folder, 'lock');
  const { pid, events, next, lines, send, ended } = await startHelper(t, lockFile);
  send(encodeConfig({ ...gateConfig(await planRun(spec, null), spec, group, lockFile), ...change(folder) }));
  const step = (argv: readonly string[], background = false): void => {
    const env = { PATH: '/usr/bin:/bin' };
    send(encodeStep({ path: argv[0] ?? '', argv, env, directory: folder, nullStdin: true, background }));
  };
  let fifos = 0;
  return {
    ...{ pid, events, next, step },
    limit: (kmem: number | null) => send(encodeLimit(kmem)),
    askTotals: () => send(encodeTotals()),
    close: () => send(encodeClose()),
    finish: async (): Promise<Of<'summary'>> => {
      send(encodeFinish());
      const summary = await next('summary');
      await ended;
      return summary;
    },
    /** A step that has ended and left a process behind; gives what has it do something, and what says so as well. */
    leave: async () => {
      const fifo = makeFifo(folder, `fifo-${fifos++}`);
      step([compileFixture('left-behind'), fifo]);
      const exit = await next('exit');
      const order = (words: string): void => writeFileSync(fifo, words);
      const ask = async (words: string): Promise<string> => {
        order(words);
        return (await lines.next()).value ?? '';
      };
      return { exit, order, ask };
    },
  };
}

const of = <K extends Kind>(events: readonly GateEvent[], kind: K): Of<K>[] =>
  events.filter((event): event is Of<K> => event.event === kind);

/** `go 1`, `account 0`: the events that are about steps, in their order. */
const aboutSteps = (events: readonly GateEvent[]): string[] =>
  events.flatMap((event) =>
    ['go', 'exit', 'denied', 'account', 'closed', 'summary'].includes(event.event)
      ? [`${event.event}${'step' in event ? ` ${event.step}` : ''}`]
      : [],
  );

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** Empty: it is gone. */
function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

const childrenNamed = (pid: number, comm: string): number[] =>
  childrenOf(pid).filter((child) => commOf(child) === comm);

async function childNamed(pid: number, comm: string): Promise<number> {
  await until(() => childrenNamed(pid, comm).length === 1);
  return childrenNamed(pid, comm)[0] as number;
}

function makeFifo(folder: string, name: string): string {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return path;
}

/**
 * The commands that start say in this fifo that they have joined, before the helper learns their pids: while it is full
 * they are held up there.
 */
function holdBy(t: ExecutionContext, fifo: string) {
  const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => closeSync(pipe));
  const all = (work: () => number): void =>
    void t.throws(
      () => {
        while (work() > 0);
      },
      { code: 'EAGAIN' },
    );
  return {
    hold: () => all(() => writeSync(pipe, Buffer.alloc(4096))),
    release: () => all(() => readSync(pipe, Buffer.alloc(4096))),
    /** The one that is held up and those that wait for it, as soon as there is one. */
    held: async (pid: number): Promise<number[]> => {
      // It is made under the name of the helper.
      await childNamed(pid, 'kmem-guardian');
      const starting = (): number[] => childrenNamed(pid, 'kmem-gate');
      await until(() => starting().length > 1 && starting().filter((child) => stateOf(child) === 'S').length === 1);
      return starting();
    },
  };
}

test.serial('what a daemon is denied is booked on the step that ended last, and each denial on one step', async (t) => {
  const { events, next, leave, limit, finish } = await supervise(t);
  const first = await leave();
  t.is(first.exit.denials, 0);
  t.regex(await first.ask(`pipes ${ALL}`), /errno [1-9]/);
  t.regex(await first.ask('pipes 1'), /^0 pipes/);
  limit(null);
  await next('limit');
  const second = await leave();
  t.is(second.exit.denials, 0);
  limit(64 * KIB);
  await next('limit');
  // Of a step before the one that ended last.
  t.regex(await first.ask('pipes 1'), /^0 pipes/);
  t.regex(await second.ask('pipes 1'), /^0 pipes/);
  t.regex(await second.ask('pipes 1'), /^0 pipes/);
  const summary = await finish();

  t.deepEqual(aboutSteps(events), ['go 0', 'exit 0', 'account 0', 'go 1', 'exit 1', 'account 1', 'summary']);
  t.deepEqual(
    of(events, 'account').map(({ denials }) => denials),
    [2, 3],
  );
  t.deepEqual(
    of(events, 'failure').map(({ step }) => step),
    [0, 0, 1, 1, 1],
  );
  t.is(summary.denials, 5);
});

test.serial('the highest usage of an account is that of the time up to the next step', async (t) => {
  const { events, leave, finish } = await supervise(t, () => ({ limit: null }));
  const first = await leave();
  await first.ask('pipes 300');
  const second = await leave();
  await second.ask('pipes 300');
  const summary = await finish();
  const [account, last] = of(events, 'account');
  t.true((account?.maxUsage ?? 0) > (first.exit.maxUsage ?? Infinity) + 200 * KIB);
  // The pipes are still there.
  t.true((second.exit.maxUsage ?? 0) > (first.exit.maxUsage ?? Infinity) + 200 * KIB);
  t.true((last?.maxUsage ?? 0) > (second.exit.maxUsage ?? Infinity) + 200 * KIB);
  t.true((summary.maxUsage ?? 0) >= Math.max(account?.maxUsage ?? Infinity, last?.maxUsage ?? Infinity));
});

test.serial('while others run the account stays open, and denials are theirs; the next end closes it', async (t) => {
  const { events, next, step, leave, limit, finish } = await supervise(t, () => ({ limit: null }));
  step(SLEEP, true);
  const { pid } = await next('go');
  await next('started');
  const daemon = await leave();
  await daemon.ask('pipes 300');
  limit(64 * KIB);
  await next('limit');
  await daemon.ask('pipes 1');
  process.kill(pid, 'SIGTERM');
  const exit = await next('exit');
  t.like(exit, { step: 0, signal: SIGTERM, denials: 1 });
  await daemon.ask('pipes 1');
  const summary = await finish();

  t.deepEqual(aboutSteps(events), ['go 0', 'go 1', 'exit 1', 'account 1', 'exit 0', 'account 0', 'summary']);
  t.deepEqual(
    of(events, 'failure').map((failure) => failure.step),
    [0, 0],
  );
  const [account, last] = of(events, 'account');
  t.is(account?.denials, 0);
  t.true((account?.maxUsage ?? 0) > (daemon.exit.maxUsage ?? Infinity) + 200 * KIB);
  t.is(last?.denials, 2);
  t.is(summary.denials, 2);
});

test.serial('a step that is denied its start has an account as well', async (t) => {
  const { events, next, step, leave, limit, finish } = await supervise(t);
  const daemon = await leave();
  limit(64 * KIB);
  await next('limit');
  step(['/bin/true']);
  const denied = await next('denied');
  t.is(denied.denials, 1);
  await daemon.ask('pipes 1');
  const summary = await finish();
  t.deepEqual(aboutSteps(events), ['go 0', 'exit 0', 'account 0', 'denied 1', 'account 1', 'summary']);
  t.deepEqual(
    of(events, 'account').map(({ denials }) => denials),
    [0, 2],
  );
  t.is(summary.denials, 2);
});

test.serial('under the kernel’s own limit each refusal counts on one step, up to `close`', async (t) => {
  let [failcnt, full] = ['', ''];
  const { pid, events, next, step, leave, close, finish } = await supervise(t, (folder) => {
    failcnt = join(folder, 'failcnt');
    writeFileSync(failcnt, '0\n');
    full = makeFifo(folder, 'full');
    return { limit: null, failcnt, lateJoin: [full] };
  });
  const refuse = (total: number): void => writeFileSync(failcnt, `${total}\n`);
  const { hold, held, release } = holdBy(t, full);
  const daemon = await leave();
  refuse(3);
  hold();
  step(SLEEP, true);
  await held(pid);
  // Of a step that is being handed over.
  refuse(4);
  release();
  const background = await next('go');
  await next('started');
  refuse(5);
  close();
  await next('closed');
  refuse(9);
  process.kill(background.pid, 'SIGTERM');
  t.is((await next('exit')).denials, 2);
  await finish();
  t.is(daemon.exit.denials, 0);
  t.deepEqual(
    of(events, 'account').map(({ denials }) => denials),
    [3],
  );
});

test.serial('an orphan that fails is told with its name, and one that ends well is not', async (t) => {
  const { pid, events, next, leave, finish } = await supervise(t, () => ({ limit: null }));
  const began = performance.now();
  const [well, badly, crashing] = [await leave(), await leave(), await leave()];
  const orphans = childrenNamed(pid, 'left-behind');
  t.is(orphans.length, 3);
  well.order('exit 0');
  await until(() => orphans.filter((orphan) => stateOf(orphan) === null).length === 1);
  badly.order('exit 3');
  const first = await next('orphan-ended');
  t.like(first, { comm: 'left-behind', code: 3, signal: null });
  crashing.order(`signal ${SIGSEGV}`);
  const second = await next('orphan-ended');
  t.like(second, { comm: 'left-behind', code: null, signal: SIGSEGV });
  await finish();
  t.is(of(events, 'orphan-ended').length, 2);
  t.deepEqual(new Set([first.pid, second.pid]).size, 2);
  t.true([first, second].every((told) => orphans.includes(told.pid)));
  const ended = of(events, 'exit').at(-1)?.atNs ?? Infinity;
  t.true(first.atNs > ended && second.atNs > first.atNs);
  t.true(second.atNs / 1e6 < performance.now() - began);
});

test.serial('a step’s own command is no orphan', async (t) => {
  const { events, next, step, finish } = await supervise(t, () => ({ limit: null }));
  step(['/bin/sh', '-c', 'exit 3']);
  t.like(await next('exit'), { code: 3 });
  step(['/bin/sh', '-c', 'kill -SEGV $$']);
  t.like(await next('exit'), { signal: SIGSEGV });
  await finish();
  t.deepEqual(of(events, 'orphan-ended'), []);
});

test.serial('nor is what starts it, where that is killed', async (t) => {
  let full = '';
  const { pid, events, next, step, finish } = await supervise(t, (folder) => {
    full = makeFifo(folder, 'full');
    return { limit: null, lateJoin: [full] };
  });
  const { hold, held } = holdBy(t, full);
  hold();
  step(['/bin/true']);
  const killed = await held(pid);
  for (const child of killed) process.kill(child, SIGKILL);
  t.is((await next('setup-error')).stage, 'lost');
  await until(() => killed.every((child) => stateOf(child) === null));
  await finish();
  t.deepEqual(of(events, 'orphan-ended'), []);
});

test.serial('an orphan that has ended when the helper takes `close` is told before its answer', async (t) => {
  const { pid, events, next, leave, close, finish } = await supervise(t, () => ({ limit: null }));
  await leave();
  const orphan = await childNamed(pid, 'left-behind');
  process.kill(pid, 'SIGSTOP');
  close();
  // Without a call, which would wait for the helper.
  process.kill(orphan, 'SIGKILL');
  await until(() => stateOf(orphan) === 'Z');
  process.kill(pid, 'SIGCONT');
  await next('closed');
  t.deepEqual(
    of(events, 'orphan-ended').map((told) => told.pid),
    [orphan],
  );
  await finish();
});

test.serial('after `close` nothing is denied, counted or told, and the figures are those of before', async (t) => {
  const { pid, events, next, step, leave, limit, askTotals, close, finish } = await supervise(t, () => ({
    // From its hundredth call on, whatever the limit is.
    inject: ['0.1/100+'],
  }));
  const daemon = await leave();
  step(SLEEP, true);
  const background = await next('go');
  await next('started');
  t.regex(await daemon.ask('pipes 10'), /^10 pipes/);
  t.regex(await daemon.ask(`pipes ${ALL}`), /errno [1-9]/);
  t.regex(await daemon.ask('pipes 1'), /^0 pipes/);
  const refused = await daemon.ask('uring');
  askTotals();
  const totals = await next('totals');
  close();
  await next('closed');
  const told = events.length;

  t.is(await daemon.ask('pipes 500'), '500 pipes, errno 0');
  limit(64 * KIB);
  t.is((await next('limit')).refused, null);
  t.not(await daemon.ask('uring'), refused);
  askTotals();
  t.deepEqual(await next('totals'), totals);
  const orphan = await childNamed(pid, 'left-behind');
  daemon.order(`signal ${SIGSEGV}`);
  await until(() => stateOf(orphan) === null);
  process.kill(background.pid, 'SIGTERM');
  const exit = await next('exit');
  t.like(exit, { step: 1, denials: 2 });
  t.true((exit.maxUsage ?? Infinity) <= (totals.maxUsage ?? 0));
  const summary = await finish();

  t.deepEqual(
    events.slice(told).map(({ event }) => event),
    ['limit', 'totals', 'exit', 'count', 'count', 'injection', 'summary', 'end'],
  );
  t.deepEqual(aboutSteps(events), ['go 0', 'exit 0', 'account 0', 'go 1', 'closed', 'exit 1', 'summary']);
  const { denials, gatedCalls, maxUsage } = summary;
  t.deepEqual({ event: 'totals', denials, gatedCalls, maxUsage }, totals);
  t.is(denials, 2);
  t.is(summary.refusals, 1);
  t.is(summary.limitMax, maxUsage);
  t.true((summary.peakSeen ?? Infinity) <= (maxUsage ?? 0));
});

test.serial('`close` closes the account of the step that ended last', async (t) => {
  const { events, next, leave, close, finish } = await supervise(t);
  const daemon = await leave();
  t.regex(await daemon.ask(`pipes ${ALL}`), /errno [1-9]/);
  close();
  await next('closed');
  t.is(await daemon.ask('pipes 500'), '500 pipes, errno 0');
  const summary = await finish();
  t.deepEqual(aboutSteps(events), ['go 0', 'exit 0', 'account 0', 'closed', 'summary']);
  const [account] = of(events, 'account');
  t.is(account?.denials, 1);
  t.is(summary.denials, 1);
  t.is(summary.maxUsage, account?.maxUsage ?? -1);
  t.true((summary.maxUsage ?? Infinity) <= 1024 * KIB);
  t.true((summary.limitMax ?? Infinity) <= 1024 * KIB);
  t.true((summary.peakSeen ?? Infinity) <= 1024 * KIB);
});

test.serial('a call that waits for memory to be reclaimed at `close` is let through', async (t) => {
  const { pid, events, next, leave, limit, askTotals, close, finish } = await supervise(t, () => ({}), {
    reclaim: true,
  });
  const daemon = await leave();
  const reclaimer = await childNamed(pid, 'kmem-reclaimer');
  process.kill(reclaimer, 'SIGSTOP');
  const answer = daemon.ask('pipes 2000');
  // It asks for reclaim when it is at the limit, and then makes no call.
  let [calls, before] = [0, -1];
  while (calls !== before) {
    await sleep(100);
    askTotals();
    [calls, before] = [(await next('totals')).gatedCalls, calls];
  }
  // Whatever can be reclaimed.
  limit(64 * KIB);
  close();
  await next('closed');
  process.kill(reclaimer, 'SIGCONT');
  t.is(await answer, '2000 pipes, errno 0');
  const summary = await finish();
  t.is(summary.denials, 0);
  t.is(summary.reclaims, 1);
  t.true((summary.peakSeen ?? Infinity) <= 1024 * KIB);
  t.deepEqual(of(events, 'failure'), []);
});

test.serial('totals carry the highest usage up to now', async (t) => {
  const { next, leave, askTotals, finish } = await supervise(t, () => ({ limit: null }));
  askTotals();
  t.deepEqual(await next('totals'), { event: 'totals', denials: 0, gatedCalls: 0, maxUsage: null });
  const daemon = await leave();
  askTotals();
  const before = (await next('totals')).maxUsage ?? Infinity;
  t.true(before >= (daemon.exit.maxUsage ?? Infinity));
  await daemon.ask('pipes 300');
  askTotals();
  const after = (await next('totals')).maxUsage ?? 0;
  t.true(after > before + 200 * KIB);
  t.true(((await finish()).maxUsage ?? 0) >= after);
});
