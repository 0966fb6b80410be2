/** The runner inside a microVM: makes the runs requested of it and reports them. bin/guest-start.js starts it. */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { parseKeyed } from './cgroup/files.ts';
import type { Process } from './cgroup/processes.ts';
import { SetupError } from './errors.ts';
import { useHelper, useNamespacesOf } from './gate/helper.ts';
import { allowKeeper } from './gate/keeper.ts';
import { protectRunner } from './host/oom-score.ts';
import type { Result } from './result/schema.ts';
import { runSpec } from './run/index.ts';
import { watchInterrupts } from './run/interrupts.ts';
import { RUNNER_FD, type RunnerEvent, type RunnerRequest } from './vm/runner-wire.ts';

/** Makes runs until the host is gone. `onFirst`: called after the first one. */
export async function main(onFirst: () => void): Promise<void> {
  protectRunner();
  allowKeeper({ lending: true });
  const interrupts = watchInterrupts();
  const readLine = openLines();
  send({ event: 'up' });
  for (let isFirst = true; ; isFirst = false) {
    // What the last run has closed is closed.
    await setImmediate();
    const request = JSON.parse(readLine()) as RunnerRequest;
    useHelper(request.helper);
    useNamespacesOf(request.holder);
    const killsBefore = countKills();
    const result = await make(request, interrupts);
    send({ event: 'result', result });
    const signal = interrupts.signalName();
    if (signal !== null) send({ event: 'interrupted', signal });
    if (isFirst) onFirst();
    send({ event: 'done', oomKillsOutside: countKills() - killsBefore > (result.mem?.oomKills ?? 0) });
  }
}

/** A line to the host. */
export function send(event: RunnerEvent): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let offset = 0; offset < line.length; ) offset += writeSync(RUNNER_FD, line, offset);
}

type Interrupts = ReturnType<typeof watchInterrupts>;

async function make(request: RunnerRequest, { signal, kill }: Interrupts): Promise<Result> {
  const { id, spec, identity, module, progress, stay } = request;
  const onProgress = progress ? (sample: unknown) => send({ event: 'progress', progress: sample }) : undefined;
  const onFailure = progress ? (failure: unknown) => send({ event: 'failure', failure }) : undefined;
  const onStay = stay ? (processes: readonly Process[]) => send({ event: 'stay', processes }) : undefined;
  const { stdin, stdout, stderr } = request.streams;
  const open = (path: string | null, flags: 'r' | 'w') => (path === null ? 'inherit' : openSync(path, flags));
  const stdio = { stdin: open(stdin, 'r'), stdout: open(stdout, 'w'), stderr: open(stderr, 'w') } as const;
  send({ event: 'ready' });
  try {
    return await runSpec(spec, { signal, kill, onProgress, onFailure, onStay, module, guest: { id, identity, stdio } });
  } catch (error) {
    if (!(error instanceof SetupError) || error.result === undefined) throw error;
    return error.result as Result;
  } finally {
    for (const fd of Object.values(stdio)) if (fd !== 'inherit') closeSync(fd);
  }
}

function countKills(): number {
  return parseKeyed(readFileSync('/proc/vmstat', 'latin1'), 'oom_kill') ?? 0;
}

/** Not a stream: a read that is pending in the background would keep the process from ending. */
function openLines(): () => string {
  const chunk = Buffer.alloc(64 * 1024);
  let rest = Buffer.alloc(0);
  return () => {
    for (;;) {
      const end = rest.indexOf(0x0a);
      if (end >= 0) {
        const line = rest.toString('utf8', 0, end);
        rest = rest.subarray(end + 1);
        return line;
      }
      const length = readSync(RUNNER_FD, chunk);
      if (length === 0) throw new Error('the host is gone');
      rest = Buffer.concat([rest, chunk.subarray(0, length)]);
    }
  };
}
