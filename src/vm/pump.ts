/** Bytes between the ports and what is out here, each no faster than it is taken. */

import type { Duplex } from 'node:stream';
import type { Sink } from './sink.ts';
import type { InputSource } from './source.ts';

export type OutPump = Readonly<{
  /** Bytes that came and were passed on, or dropped since nobody reads them. */
  total: () => number;
  /** Resolves when so many have, or no more can come. */
  reached: (bytes: number) => Promise<void>;
  /** Resolves when no more can come. */
  ended: Promise<void>;
  /** Leaves the port to the next one. */
  detach: () => void;
}>;

/** `onBroken`: called once, when the sink takes no more. What comes then is read all the same, and dropped. */
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

/** `onEnd`: told how many bytes there were in all. It is not called once stopped. */
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

/** Resolves when the port has taken it: true; false: there is no port any more. */
function written(port: Duplex, chunk: Buffer): Promise<boolean> {
  if (port.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => port.write(chunk, (error) => resolve(error == null)));
}
