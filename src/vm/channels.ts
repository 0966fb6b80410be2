/** The ports of a machine, for whoever listens at the moment: one session after the other. */

import type { Duplex } from 'node:stream';
import { cutLines } from '../host/lines.ts';
import type { Machine } from './machine.ts';
import { type AgentEvent, parseAgentLine } from './wire.ts';

export type Channel<Message> = Readonly<{
  send: (words: string | Buffer) => void;
  /** Returns what ends it. */
  listen: (onMessage: (message: Message) => void) => () => void;
  /** That came so far. */
  bytes: () => number;
}>;

export type Channels = Readonly<{
  control: Channel<AgentEvent>;
  runner: Channel<string>;
  /** The machine is gone, and all that the agent had said is read. */
  gone: Promise<null>;
}>;

const opened = new WeakMap<Machine, Channels>();

export function channelsOf(machine: Machine): Channels {
  const known = opened.get(machine);
  if (known !== undefined) return known;
  const { control, runner } = machine.ports;
  const closed = new Promise((resolve) => (control.closed ? resolve(null) : control.once('close', resolve)));
  const channels = {
    control: openChannel(control, parseAgentLine),
    runner: openChannel(runner, (line) => line),
    gone: Promise.all([machine.ended, closed]).then(() => null),
  };
  opened.set(machine, channels);
  // The boot paused it, so that nothing that was said meanwhile is lost.
  control.resume();
  return channels;
}

function openChannel<Message>(port: Duplex, parse: (line: string) => Message | null): Channel<Message> {
  const listeners = new Set<(message: Message) => void>();
  let bytes = 0;
  const take = cutLines((line) => {
    const message = parse(line);
    if (message !== null) for (const listener of [...listeners]) listener(message);
  });
  port.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    take(chunk);
  });
  return {
    send: (words) => {
      if (!port.destroyed) port.write(words);
    },
    listen: (onMessage) => {
      listeners.add(onMessage);
      return () => void listeners.delete(onMessage);
    },
    bytes: () => bytes,
  };
}
