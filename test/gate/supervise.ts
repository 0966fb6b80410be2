/** The helper by itself, with the test's own group: what a test tells it to do, and the events that it sends. */

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
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';
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
import { cutLines } from '../../src/host/lines.ts';
import { normaliseSpec, type RunInput } from '../../src/request/normalise.ts';
import { gateConfig, planRun } from '../../src/run/plan.ts';
import { makeSandbox, stateOf, until } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { slowness } from '../needs.ts';

type Kind = GateEvent['event'];
type Of<K extends Kind> = Extract<GateEvent, { event: K }>;

const TIMEOUT_MS = 60_000 * slowness;
export const KIB = 1024;
/** More than any test has room for. */
export const ALL = 100_000;
export const SLEEP = ['/bin/sleep', '1000'] as const;

/** The helper by itself: its events, and the lines written by the programs that it starts. */
async function startHelper(t: ExecutionContext, lockFile: string) {
  const lock = openSync(lockFile, 'w');
  const helper = spawn(helperPath(), ['supervise'], { stdio: ['ignore', 'pipe', 'inherit', 'pipe', lock], env: {} });
  closeSync(lock);
  const kill = (): void => void helper.kill('SIGKILL');
  t.teardown(kill);
  // If an event or a line never arrives, waiting for it fails once the helper has exited.
  const timer = setTimeout(kill, TIMEOUT_MS);
  t.teardown(() => clearTimeout(timer));
  const ended = once(helper, 'close');
  const control = helper.stdio[3] as Socket;
  const events: GateEvent[] = [];
  let [taken, arrived] = [0, Promise.withResolvers<void>()];
  control.on(
    'data',
    cutLines((line) => {
      events.push(JSON.parse(line) as GateEvent);
      arrived.resolve();
      arrived = Promise.withResolvers();
    }),
  );
  control.on('error', () => {});
  const gone = ended.then(() => Promise.reject(new Error(`the helper is gone: ${JSON.stringify(events)}`)));
  gone.catch(() => {});
  /** The next event of this kind; those before it are skipped. */
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
  // Its guardian's.
  const pid = await childNamed(helper.pid ?? 0, 'kmem-helper');
  const lines = createInterface({ input: helper.stdout as Readable })[Symbol.asyncIterator]();
  const send = (message: Buffer): void => void control.write(message);
  return { pid, events, next, lines, send, ended };
}

/** With the test's own group, configured: 1 MiB unless changed. */
export async function supervise(
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
    /**
     * A step that has ended and left a process behind; returns functions that give it orders, without or with its
     * answer.
     */
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

export function of<K extends Kind>(events: readonly GateEvent[], kind: K): Of<K>[] {
  return events.filter((event): event is Of<K> => event.event === kind);
}

/** `go 1`, `account 0`: the events about steps, in order. */
export function aboutSteps(events: readonly GateEvent[]): string[] {
  return events.flatMap((event) =>
    ['go', 'exit', 'denied', 'account', 'closed', 'summary'].includes(event.event)
      ? [`${event.event}${'step' in event ? ` ${event.step}` : ''}`]
      : [],
  );
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Empty if it has exited. */
function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

export function childrenNamed(pid: number, comm: string): number[] {
  return childrenOf(pid).filter((child) => commOf(child) === comm);
}

export async function childNamed(pid: number, comm: string): Promise<number> {
  await until(() => childrenNamed(pid, comm).length === 1);
  return childrenNamed(pid, comm)[0] as number;
}

export function makeFifo(folder: string, name: string): string {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return path;
}

/**
 * Commands that start report in this fifo that they have joined, before the helper learns their pids: while it is full
 * they are blocked there.
 */
export function holdBy(t: ExecutionContext, fifo: string) {
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
    /** The blocked command and those that wait for it, as soon as there is one. */
    held: async (pid: number): Promise<number[]> => {
      const starting = (): number[] => childrenNamed(pid, 'kmem-helper');
      await until(() => starting().length > 1 && starting().filter((child) => stateOf(child) === 'S').length === 1);
      return starting();
    },
  };
}

/**
 * Asks for pipes until not even one can be created (the kernel frees those of a failed call a moment later); returns
 * how many calls were denied.
 */
export async function fill(ask: (line: string) => Promise<string>): Promise<number> {
  for (let denied = 1; ; denied++) {
    const answer = await ask(`pipes ${ALL}`);
    if (/^0 pipes, errno [1-9]/.test(answer)) return denied;
  }
}
