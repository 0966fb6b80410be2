import { SetupError } from '../errors.ts';
import { setupErrorOf } from './setup-errors.ts';
import type { Stop } from './stop.ts';
import type { Supervisor } from './supervisor.ts';

const PATIENCE_MS = 60_000;
const PATIENCE_WHEN_STOPPED_MS = 3000;

/**
 * Resolves when the helper holds the run's lock. No limit of time runs yet, and a helper that somebody has stopped would
 * be waited for for ever: one that tells nothing for a minute, or for three seconds after the run is to end, is killed.
 * @throws SetupError what the helper told instead; `gate-lost` where it told nothing
 */
export async function untilLocked(supervisor: Supervisor, stop: Stop): Promise<void> {
  let isMute = false;
  const giveUp = (): void => {
    isMute = true;
    supervisor.kill();
  };
  let patience: NodeJS.Timeout | null = setTimeout(giveUp, PATIENCE_MS);
  void stop.happened.then(() => {
    if (patience === null) return;
    clearTimeout(patience);
    patience = setTimeout(giveUp, PATIENCE_WHEN_STOPPED_MS);
  });
  try {
    const told = await supervisor.next('locked', 'setup-error');
    if (told.event === 'setup-error') throw setupErrorOf(told, '');
  } catch (error) {
    throw isMute ? mute() : error;
  } finally {
    clearTimeout(patience);
    patience = null;
  }
}

function mute(): SetupError {
  const message = 'the native helper was started and told nothing';
  return new SetupError('gate-lost', message, 'somebody stopped kmem-gate, or the machine is too busy: run again');
}
