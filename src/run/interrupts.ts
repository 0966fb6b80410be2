import { parentOf } from '../cgroup/processes.ts';
import { isUnderNpx } from './environment.ts';

export type Interrupts = Readonly<{
  /** Aborted by the first signal: the run ends with its grace. */
  signal: AbortSignal;
  /** Aborted by the second: without. */
  kill: AbortSignal;
  /** The first signal's name; null: none, or the parent went away. */
  signalName: () => string | null;
  close: () => void;
}>;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
const LOOK_EVERY_MS = 200;

/** Signals to kmem-run end the run, they do not end kmem-run: it tears down and reports first. */
export function watchInterrupts(): Interrupts {
  const first = new AbortController();
  const second = new AbortController();
  let name: string | null = null;
  const interrupt = (signal: string | null): void => {
    if (first.signal.aborted) second.abort();
    else {
      name = signal;
      // For whoever has to pass the signal on.
      first.abort(signal);
    }
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  const timer = isUnderNpx() ? watchAncestors(() => interrupt(null)) : null;
  return {
    signal: first.signal,
    kill: second.signal,
    signalName: () => name,
    close: () => {
      if (timer !== null) clearInterval(timer);
      for (const signal of SIGNALS) process.off(signal, interrupt);
    },
  };
}

/** npx passes no signal on; that it (or the shell that it puts between) is gone is all that can be seen. */
function watchAncestors(onGone: () => void): NodeJS.Timeout {
  const line = (): string | null => {
    const grandparent = parentOf(process.ppid);
    return grandparent === null ? null : `${process.ppid} ${grandparent}`;
  };
  const before = line();
  const timer = setInterval(() => {
    const now = line();
    // Null: it cannot be read just now, when no descriptor is free.
    if (now === null || now === before) return;
    clearInterval(timer);
    onGone();
  }, LOOK_EVERY_MS);
  timer.unref();
  return timer;
}
