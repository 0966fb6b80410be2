import { normaliseSpec, type PlanInput, type RunInput } from '../request/normalise.ts';
import type { Output } from '../result/judge.ts';
import type { Failure, Result } from '../result/schema.ts';
import { type Progress, runSpec } from '../run/index.ts';
import { type Running, running } from './running.ts';

/** How to stop the work early. */
export type EndOptions = Readonly<{
  /** Aborting stops the work: SIGTERM, then SIGKILL after `grace`. The promise resolves with what is known. */
  signal?: AbortSignal | undefined;
  /** Aborting this one after `signal` skips the grace. */
  kill?: AbortSignal | undefined;
}>;

export type RunOptions = EndOptions &
  Readonly<{
    /**
     * Called at the end with the output of the steps: the first and the last 64 KiB of each stream. Both streams then
     * go through a file and are copied from there. Absent: the output is not captured.
     */
    onOutput?: ((output: Output) => void) | undefined;
    /** `'null'`: every step has an empty stdin; absent: the command has the stdin of this process. */
    stdin?: 'null' | undefined;
  }>;

export type RunEvent =
  /** Progress before the command can start, while a microVM boots. An empty text means that it is ready. */
  | Readonly<{ type: 'preparation'; text: string }>
  /** A sample of the group, every `sample` milliseconds. */
  | Readonly<{ type: 'sample'; sample: Progress }>
  /** A failed call; only the first 1,000. */
  | Readonly<{ type: 'failure'; failure: Failure }>;

/**
 * Runs a command in an ephemeral control group and resolves with the result, whatever the command did; after an abort
 * with `outcome: 'interrupted'`.
 * @throws SetupError (as a rejection) if kmem-run could not do its work; then `.result` is the result
 * (`outcome: 'setup-error'`), if the input was valid.
 */
export function run(
  input: RunInput | PlanInput,
  { signal, kill, onOutput, stdin }: RunOptions = {},
): Running<Result, RunEvent> {
  return running((emit) =>
    runSpec(normaliseSpec(input), {
      signal,
      kill,
      onOutput,
      stdin,
      onPreparation: (text) => emit({ type: 'preparation', text }),
      onProgress: (sample) => emit({ type: 'sample', sample }),
      onFailure: (failure) => emit({ type: 'failure', failure }),
    }),
  );
}
