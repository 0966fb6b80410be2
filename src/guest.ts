/**
 * The runner inside a microVM: reads the request, performs the run and reports what happened. bin/kmem-guest.js starts
 * it.
 */
import { readSync, writeSync } from 'node:fs';
import type { Process } from './cgroup/processes.ts';
import { SetupError } from './errors.ts';
import { useHelper } from './gate/helper.ts';
import { protectRunner } from './host/oom-score.ts';
import { runSpec } from './run/index.ts';
import { watchInterrupts } from './run/interrupts.ts';
import { RUNNER_FD, type RunnerEvent, type RunnerRequest } from './vm/runner-wire.ts';

/** Resolves when the run has been reported. */
export async function main(): Promise<void> {
  protectRunner();
  const request = readRequest();
  useHelper(request.helper);
  const interrupts = watchInterrupts();
  send({ event: 'ready' });
  send({ event: 'result', result: await make(request, interrupts) });
  const signal = interrupts.signalName();
  if (signal !== null) send({ event: 'interrupted', signal });
}

/** A line to the host. */
export function send(event: RunnerEvent): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let offset = 0; offset < line.length; ) offset += writeSync(RUNNER_FD, line, offset);
}

type Interrupts = ReturnType<typeof watchInterrupts>;

async function make({ id, spec, identity, progress, stay }: RunnerRequest, interrupts: Interrupts): Promise<unknown> {
  const onProgress = progress ? (sample: unknown) => send({ event: 'progress', progress: sample }) : undefined;
  const onFailure = progress ? (failure: unknown) => send({ event: 'failure', failure }) : undefined;
  const onStay = stay ? (processes: readonly Process[]) => send({ event: 'stay', processes }) : undefined;
  const { signal, kill } = interrupts;
  try {
    return await runSpec(spec, { signal, kill, onProgress, onFailure, onStay, guest: { id, identity } });
  } catch (error) {
    if (!(error instanceof SetupError) || error.result === undefined) throw error;
    return error.result;
  }
}

/** Not a stream: a read that is pending in the background would keep the process from exiting. */
function readRequest(): RunnerRequest {
  const chunk = Buffer.alloc(64 * 1024);
  const parts: Buffer[] = [];
  for (;;) {
    const length = readSync(RUNNER_FD, chunk);
    if (length === 0) throw new Error('the host sent no request');
    parts.push(Buffer.from(chunk.subarray(0, length)));
    if (chunk.subarray(0, length).includes(0x0a)) return JSON.parse(Buffer.concat(parts).toString());
  }
}
