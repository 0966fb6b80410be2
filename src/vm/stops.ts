/** Being stopped, by Ctrl-Z out here (SIGTSTP) or in the guest: what belongs to us stops with us, and goes on with us. */

import { setTimeout as sleep } from 'node:timers/promises';

/** Stop signals take effect at once; in an orphaned process group, where nobody could continue us, never. */
const SETTLE_MS = 20;

export type Stops = Readonly<{
  /** `whole`: the process group, as the terminal's Ctrl-Z would. Resolves when we are continued. */
  stop: (whole: boolean) => Promise<void>;
  close: () => void;
}>;

/** `onContinue` is also called where we were stopped without being asked (SIGSTOP). */
export function watchStops({ onStop, onContinue }: { onStop: () => void; onContinue: () => void }): Stops {
  let stopping = false;
  let closed = false;
  const stop = async (whole: boolean): Promise<void> => {
    if (stopping || closed) return;
    stopping = true;
    onStop();
    // With its default action again.
    process.off('SIGTSTP', onSignal);
    process.kill(whole ? 0 : process.pid, 'SIGTSTP');
    await sleep(SETTLE_MS);
    stopping = false;
    if (closed) return;
    process.on('SIGTSTP', onSignal);
    onContinue();
  };
  const onSignal = (): void => void stop(false);
  const onCont = (): void => {
    if (!stopping) onContinue();
  };
  process.on('SIGTSTP', onSignal);
  process.on('SIGCONT', onCont);
  return {
    stop,
    close: () => {
      closed = true;
      process.off('SIGTSTP', onSignal);
      process.off('SIGCONT', onCont);
    },
  };
}
