import type { Recorded, RecordedFacts } from '../../statistics/recorded.ts';
import type { Replayed } from '../../statistics/replayed.ts';

export type ReplayReport = Replayed &
  Readonly<{
    schemaVersion: 1;
    kind: 'replay';
    /** `stopped`: by a signal; `failed`: with `error`. */
    status: 'done' | 'stopped' | 'failed';
    error: Readonly<{ code: string; message: string; hint: string }> | null;
    recorded: Recorded;
    /** Those that count. */
    replays: readonly Readonly<{ id: string; facts: RecordedFacts }>[];
    /** What could not be reproduced from the recorded run, one sentence each. */
    notReproduced: readonly string[];
    warnings: readonly string[];
    kmemRun: string;
  }>;
