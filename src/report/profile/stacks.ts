/** The stacks of one or several profiles as names, for the formats of other tools. */

import { frameName, type Moment, type StackRow, stackRows } from '../../result/profile-parts.ts';
import type { Profile } from '../../result/schema.ts';

/** What `--at` accepts. */
export const MOMENTS: readonly Moment[] = ['peak', 'end', 'total'];

export function allStacks(profiles: readonly Profile[], at: Moment): StackRow[] {
  return profiles.flatMap((profile) => stackRows(profile, at));
}

/** The innermost frame: what was allocated. Its releases matter only to what is still live. */
export function leafName({ what, isCounted }: StackRow, at: Moment): string {
  return isCounted || at === 'total' ? what : `${what} (releases not seen)`;
}

/** The frame between those of the program and those of the kernel; null: unknown. */
export function entryName({ origin, call }: StackRow): string | null {
  if (origin === 'fault') return '[page fault]';
  return call === null ? null : `[${call}]`;
}

/** As `stackcollapse-perf.pl --kernel` marks it. */
export function kernelName(frame: StackRow['kernel'][number]): string {
  return `${frameName(frame)}_[k]`;
}
