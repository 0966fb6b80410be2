/** QEMU's monitor: commands in JSON (QMP). Source: QEMU's docs/interop/qmp-spec.txt. */

import type { Duplex } from 'node:stream';
import { cutLines } from '../host/lines.ts';

export type Monitor = Readonly<{
  /** Resolves with what the command returns. Rejects with QEMU's message, and if QEMU ends. */
  execute: (command: string, parameters?: Readonly<Record<string, unknown>>) => Promise<unknown>;
  /** Resolves at the first event with this name from now on; rejects if QEMU ends. */
  event: (name: string) => Promise<void>;
}>;

type Waiter = Readonly<{
  name: string | null;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}>;

/** QEMU answers commands in their order. */
export async function openMonitor(port: Duplex): Promise<Monitor> {
  const waiters: Waiter[] = [];
  let isOver = false;
  const takeOut = (isMeant: (waiter: Waiter) => boolean): Waiter | undefined => {
    const index = waiters.findIndex(isMeant);
    return index < 0 ? undefined : waiters.splice(index, 1)[0];
  };
  const take = (line: string): void => {
    const message = JSON.parse(line) as QmpMessage;
    if (message.event !== undefined) takeOut(({ name }) => name === message.event)?.resolve(null);
    else if (message.error !== undefined) takeOut(({ name }) => name === null)?.reject(new Error(message.error.desc));
    else if ('return' in message) takeOut(({ name }) => name === null)?.resolve(message.return);
  };
  port.on('data', cutLines(take)).once('close', () => {
    isOver = true;
    for (const { reject } of waiters.splice(0)) reject(new Error('QEMU ended'));
  });
  const wait = (name: string | null): Promise<unknown> =>
    isOver
      ? Promise.reject(new Error('QEMU ended'))
      : new Promise((resolve, reject) => waiters.push({ name, resolve, reject }));
  const execute: Monitor['execute'] = (command, parameters = {}) => {
    const answer = wait(null);
    port.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    return answer;
  };
  await execute('qmp_capabilities');
  return { execute, event: async (name) => void (await wait(name)) };
}

type QmpMessage = Readonly<{ event?: string; error?: Readonly<{ desc: string }>; return?: unknown }>;

/** For `migrate-set-capabilities`: the guest's memory is in a file, and not part of what is saved. */
export const IGNORE_SHARED = { capabilities: [{ capability: 'x-ignore-shared', state: true }] };
