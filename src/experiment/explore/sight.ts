/** What is seen of one run, as far as it is compared with others. */

import type { Exit, Outcome } from '../../result/schema.ts';

/** What is in the run's folder under a name. */
export type Entry = Readonly<
  /** `text` is scrubbed; null: too long or not text, and only `digest` tells two apart. */
  { kind: 'file'; text: string | null; digest: string } | { kind: 'folder' | 'link' | 'other' }
>;

export type Crash = Readonly<{ comm: string | null; signal: string }>;

export type Sight = Readonly<{
  outcome: Outcome;
  exits: readonly Exit[];
  /** What all steps wrote, scrubbed. */
  stdout: string;
  stderr: string;
  /** By path below the run's folder. */
  files: ReadonlyMap<string, Entry>;
  /** Processes that died of a signal such as SIGSEGV; those of the steps themselves may be among them. */
  crashes: readonly Crash[];
  /** Names of the processes that were left in the group. */
  leftover: readonly string[];
  /** Explicit expectations that do not hold. */
  broken: readonly string[];
  /** The step that ran when the call failed; null: between or after them, or none failed. */
  failedIn: number | null;
  /** Null: nothing ran. */
  wallMs: number | null;
}>;
