import { parentOf } from '../cgroup/processes.ts';
import { ENDING_SIGNALS } from '../host/exit-status.ts';
import { isUnderNpx } from './environment.ts';

export type Interrupts = Readonly<{
  /** Aborted by the first signal: the run ends after its grace. */
  signal: AbortSignal;
  /** Aborted by the second: no grace. */
  kill: AbortSignal;
  /** The first signal's name; null if none, or if the parent went away. */
  signalName: () => string | null;
  /**
   * Measuring is over. From now on a signal only stops a report that nobody reads: the next one aborts the returned
   * signal.
   */
  beginReport: () => AbortSignal;
}>;

const LOOK_EVERY_MS = 200;

/** Aborted if a signal arrives after beginReport(). */
const reporting = new AbortController();

/** Until exit, signals to kmem-run do not kill it: they end the run, then kmem-run tears down and reports. */
export function watchInterrupts(): Interrupts {
  const first = new AbortController();
  const second = new AbortController();
  let name: string | null = null;
  let isReporting = false;
  const interrupt = (signal: string | null): void => {
    if (isReporting) reporting.abort();
    else if (first.signal.aborted) second.abort();
    else {
      name = signal;
      // For a caller that has to forward the signal.
      first.abort(signal);
    }
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, interrupt);
  if (isUnderNpx()) watchAncestors(() => interrupt(null));
  return {
    signal: first.signal,
    kill: second.signal,
    signalName: () => name,
    beginReport: () => {
      isReporting = true;
      return reporting.signal;
    },
  };
}

/**
 * Call when all work is done and the status is set: exits once all output is written, or on the next signal. Node.js's
 * own exit would not do: it lets signals kill the process while it tidies up.
 */
export function exitWhenWritten(): void {
  const exit = (): void => process.exit();
  process.once('beforeExit', exit);
  for (const signal of ENDING_SIGNALS) process.on(signal, exit);
  if (reporting.signal.aborted) exit();
}

/** npx forwards no signal; kmem-run can only see that npx (or the shell in between) is gone. */
function watchAncestors(onGone: () => void): void {
  const line = (): string | null => {
    const grandparent = parentOf(process.ppid);
    return grandparent === null ? null : `${process.ppid} ${grandparent}`;
  };
  const before = line();
  const timer = setInterval(() => {
    const now = line();
    // Null if it cannot be read at the moment because no descriptor is free.
    if (now === null || now === before) return;
    clearInterval(timer);
    onGone();
  }, LOOK_EVERY_MS);
  timer.unref();
}
