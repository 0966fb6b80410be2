/** The host's side of the three streams of a program in the guest. */

import { whatIs } from './descriptor.ts';
import { openSink, type Sink, type Target } from './sink.ts';
import { type InputSource, openSource } from './source.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import type { StreamKind, StreamName, TerminalSize } from './wire.ts';

export type StreamRequest = Readonly<{
  /** A descriptor; null for no input. */
  stdin: number | null;
  stdout: Target;
  stderr: Target;
}>;

export type GuestStreams = Readonly<{
  /** Stdin, if it is a terminal. */
  terminal: Terminal | null;
  source: InputSource;
  stdout: Sink;
  stderr: Sink;
  kinds: Readonly<Record<StreamName, StreamKind>>;
  /** Size of the program's terminal; null if it has none. */
  size: () => TerminalSize | null;
  onResize: (listener: (size: TerminalSize) => void) => void;
  /** `taken`: how many bytes of stdin the program read; null if unknown. */
  close: (taken: number | null) => void;
}>;

const isTerminal = (target: Target): target is number => typeof target === 'number' && whatIs(target) === 'terminal';

/** The streams of the runner in the guest before any run: the terminal of its only run, or nothing. */
export function ownKinds({ stdin, stdout, stderr }: StreamRequest): GuestStreams['kinds'] {
  const raw = isTerminal(stdin) && isTerminal(stdout);
  const kind = (target: Target): StreamKind => (raw && isTerminal(target) ? 'tty' : 'null');
  return { stdin: kind(stdin), stdout: kind(stdout), stderr: kind(stderr) };
}

/** The program gets a terminal if both stdin and stdout are terminals, as under ssh and for the same reason. */
export function openGuestStreams({ stdin, stdout, stderr }: StreamRequest): GuestStreams {
  const raw = isTerminal(stdin) && isTerminal(stdout);
  const terminal = isTerminal(stdin) ? openTerminal(stdin, { raw }) : null;
  const source = openSource(stdin, terminal);
  const sinks = { stdout: openSink(stdout, { terminal: raw }), stderr: openSink(stderr, { terminal: raw }) };
  const size = (): TerminalSize | null =>
    raw ? { rows: process.stdout.rows ?? 24, columns: process.stdout.columns ?? 80 } : null;
  let sendSize: (() => void) | null = null;
  return {
    terminal,
    source,
    ...sinks,
    kinds: { stdin: source.kind, stdout: sinks.stdout.kind, stderr: sinks.stderr.kind },
    size,
    onResize: (listener) => {
      sendSize = () => {
        const now = size();
        if (now !== null) listener(now);
      };
      if (raw) process.stdout.on('resize', sendSize);
    },
    close: (taken) => {
      if (sendSize !== null) process.stdout.off('resize', sendSize);
      source.close(taken);
      sinks.stdout.close();
      sinks.stderr.close();
    },
  };
}
