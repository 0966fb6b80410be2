import type { Process } from '../cgroup/processes.ts';
import type { Output } from '../result/judge.ts';
import type { Failure } from '../result/schema.ts';
import type { Guests } from '../vm/guests.ts';
import type { Guest } from './plan.ts';
import type { RunProgress } from './watch.ts';
import type { GivenPlace } from './workdir.ts';

export type RunnerOptions = Readonly<{
  /** Aborting ends the run (`terminationReason: "interrupted"`); it still tears down and gives a result. */
  signal?: AbortSignal | undefined;
  /** Aborting this one as well skips the grace. */
  kill?: AbortSignal | undefined;
  /** Called with what the steps wrote: then both streams are captured, whether or not an expectation reads them. */
  onOutput?: ((output: Output) => void) | undefined;
  /** `null`: an empty one for every step; absent: the first step has this process's own. */
  stdin?: 'null' | undefined;
  /** Called for each of the first 1,000 failures as it happens. */
  onFailure?: ((failure: Failure) => void) | undefined;
  /** Called at each sample. */
  onProgress?: ((progress: RunProgress) => void) | undefined;
  /** Called with what goes on before the command can start, where that takes a while: a microVM boots. */
  onPreparation?: ((text: string) => void) | undefined;
  /** Called with the name of a signal that interrupted the run inside a microVM: Ctrl-C on its terminal. */
  onInterrupted?: ((signal: string) => void) | undefined;
  /**
   * Called when the last step has exited and processes remain that are quiet: the run then goes on until they end or
   * `signal` is aborted by SIGINT, which ends it in the ordinary way. Absent: the run is over by its own rule.
   */
  onStay?: ((processes: readonly Process[]) => void) | undefined;
  /** The folder and the port that placeholders stand for; absent: the run has its own. */
  place?: GivenPlace | undefined;
  /** Where microVMs are kept between runs; absent: one is booted for this run alone. */
  guests?: Guests | undefined;
  /** Given in the guest of a microVM, where native enforcement is the first choice; absent on the host. */
  guest?: Guest | undefined;
}>;
