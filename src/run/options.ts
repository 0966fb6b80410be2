import type { Process } from '../cgroup/processes.ts';
import type { NativeModule } from '../kernels/types.ts';
import type { Output } from '../result/judge.ts';
import type { Failure } from '../result/schema.ts';
import type { Guests } from '../vm/guests.ts';
import type { Guest } from './plan.ts';
import type { RunProgress } from './watch.ts';
import type { GivenPlace } from './workdir.ts';

export type RunnerOptions = Readonly<{
  /** Aborting ends the run (`terminationReason: "interrupted"`); it still tears down and returns a result. */
  signal?: AbortSignal | undefined;
  /** Aborting this signal as well skips the grace. */
  kill?: AbortSignal | undefined;
  /** Called with the steps' output: both streams are then captured, whether or not an expectation reads them. */
  onOutput?: ((output: Output) => void) | undefined;
  /** `null`: empty stdin for every step; absent: the first step inherits this process's stdin. */
  stdin?: 'null' | undefined;
  /** Called for each of the first 1,000 failures as it happens. */
  onFailure?: ((failure: Failure) => void) | undefined;
  /** Called at each sample. */
  onProgress?: ((progress: RunProgress) => void) | undefined;
  /** Called with the current preparation before the command can start, if that takes a while: a microVM boots. */
  onPreparation?: ((text: string) => void) | undefined;
  /** Called with the name of a signal that interrupted the run inside a microVM: Ctrl-C on its terminal. */
  onInterrupted?: ((signal: string) => void) | undefined;
  /**
   * Called when the last step has exited and quiet processes remain: the run then continues until they exit or `signal`
   * is aborted by SIGINT, which ends it normally. Absent: the run ends by its own rule.
   */
  onStay?: ((processes: readonly Process[]) => void) | undefined;
  /** The folder and the port that replace placeholders; absent: the run creates its own. */
  place?: GivenPlace | undefined;
  /** Where microVMs are kept between runs; absent: one is booted for this run alone. */
  guests?: Guests | undefined;
  /** Set in the guest of a microVM, where native enforcement is preferred; absent on the host. */
  guest?: Guest | undefined;
  /** In a microVM: what `--enforce native` uses if the kernel has no limit of its own; absent: nothing. */
  module?: NativeModule | undefined;
}>;
