import { normaliseSpec, type PlanInput, type RunInput } from '../request/normalise.ts';
import type { Output } from '../result/judge.ts';
import type { Failure, Result } from '../result/schema.ts';
import { type Progress, runSpec } from '../run/index.ts';
import { type Running, running } from './running.ts';

/** How what was begun is ended. */
export type EndOptions = Readonly<{
  /** Aborting ends it, with the grace that was asked for; it still tears down, and resolves with what there is. */
  signal?: AbortSignal | undefined;
  /** Aborting this one as well skips the grace. */
  kill?: AbortSignal | undefined;
}>;

export type RunOptions = EndOptions &
  Readonly<{
    /** Called at the end with what the steps wrote, of each stream the first and the last 64 KiB. Then both go to a file that is copied on. */
    onOutput?: ((output: Output) => void) | undefined;
    /** `null`: an empty one for every step; absent: the command has this process's own. */
    stdin?: 'null' | undefined;
  }>;

export type RunEvent =
  /** Before the command can start, where that takes a while: a microVM boots. Empty: it stands ready. */
  | Readonly<{ type: 'preparation'; text: string }>
  /** A look at the group, each `sample` milliseconds. */
  | Readonly<{ type: 'sample'; sample: Progress }>
  /** A call that failed: the first 1,000. */
  | Readonly<{ type: 'failure'; failure: Failure }>;

/**
 * Runs a command in an ephemeral control group and resolves with what happened, whatever the command did.
 * Rejects only with a SetupError: kmem-run itself could not do its work. It carries `.result` where there is one.
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
