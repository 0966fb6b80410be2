/** Moves bytes between the ports and the host, no faster than the receiver accepts them. */

import type { Duplex } from 'node:stream';
import type { Sink } from './sink.ts';
import type { InputSource } from './source.ts';

export type OutPump = Readonly<{
  /** Bytes received and passed on, or dropped because nobody reads them. */
  total: () => number;
  /** Resolves when that many have arrived or no more can. */
  reached: (bytes: number) => Promise<void>;
  /** Resolves when no more can arrive. */
  ended: Promise<void>;
  /** Leaves the port to the next one. */
  detach: () => void;
}>;

/** `onBroken`: called once, when the sink accepts no more. Later bytes are still read, and dropped. */
export function pumpOut(port: Duplex, sink: Sink, onBroken: () => void): OutPump {
  let total = 0;
  let broken = false;
  let detached = false;
  let last = Promise.resolve();
  const waiters = new Set<{ bytes: number; resolve: () => void }>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const wake = (limit: number): void => {
    for (const waiter of waiters) {
      if (waiter.bytes > limit) continue;
      waiters.delete(waiter);
      waiter.resolve();
    }
  };
  const pass = async (chunk: Buffer): Promise<void> => {
    const passed = broken || (await sink.write(chunk));
    total += chunk.length;
    if (!passed) {
      broken = true;
      onBroken();
    }
    wake(total);
    if (!detached) port.resume();
  };
  const onData = (chunk: Buffer): void => {
    port.pause();
    last = last.then(() => pass(chunk));
  };
  const onClose = (): void => {
    void last.then(() => {
      wake(Number.POSITIVE_INFINITY);
      end();
    });
  };
  port.on('data', onData).once('close', onClose);
  if (port.closed) onClose();
  else port.resume();
  return {
    total: () => total,
    reached: (bytes) =>
      total >= bytes
        ? Promise.resolve()
        : Promise.race([ended, new Promise<void>((resolve) => waiters.add({ bytes, resolve }))]),
    ended,
    detach: () => {
      detached = true;
      port.pause();
      port.off('data', onData).off('close', onClose);
    },
  };
}

export type InPump = Readonly<{ stop: () => void }>;

/** `onEnd`: receives the total number of bytes. It is not called once stopped. */
export function pumpIn(source: InputSource, port: Duplex, onEnd: (bytes: number) => void): InPump {
  let stopped = false;
  const run = async (): Promise<void> => {
    let total = 0;
    while (!stopped) {
      const chunk = await source.read();
      if (stopped) return;
      if (chunk === null) return onEnd(total);
      total += chunk.length;
      if (!(await written(port, chunk))) return;
    }
  };
  void run();
  return {
    stop: () => {
      stopped = true;
    },
  };
}

/** Resolves to true when the port has accepted it, to false if the port is gone. */
function written(port: Duplex, chunk: Buffer): Promise<boolean> {
  if (port.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => port.write(chunk, (error) => resolve(error == null)));
}
