import { parentOf } from '../cgroup/processes.ts';
import { ENDING_SIGNALS } from '../host/exit-status.ts';
import { isUnderNpx } from './environment.ts';

export type Interrupts = Readonly<{
  /** Aborted by the first signal: the run ends with its grace. */
  signal: AbortSignal;
  /** Aborted by the second: without. */
  kill: AbortSignal;
  /** The first signal's name; null: none, or the parent went away. */
  signalName: () => string | null;
  /**
   * What is measured is over. From now on a signal ends nothing but a report that nobody reads: what is returned is aborted
   * by the next one.
   */
  beginReport: () => AbortSignal;
}>;

const LOOK_EVERY_MS = 200;

/** Given up: a signal came after beginReport(). */
const reporting = new AbortController();

/** Until it exits, signals to kmem-run do not end it: they end the run, and it tears down and reports first. */
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
      // For whoever has to pass the signal on.
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
 * When all is done and the status is set: exits once what was printed is written, or on the next signal. Not as Node.js does
 * by itself: it lets signals end the process again while it tidies up.
 */
export function exitWhenWritten(): void {
  const exit = (): void => process.exit();
  process.once('beforeExit', exit);
  for (const signal of ENDING_SIGNALS) process.on(signal, exit);
  if (reporting.signal.aborted) exit();
}

/** npx passes no signal on; that it (or the shell that it puts between) is gone is all that can be seen. */
function watchAncestors(onGone: () => void): void {
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
}
