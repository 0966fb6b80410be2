/** `kmem-run export --format folded|pprof`: the profiles of runs, in formats of other tools. */

import { SetupError } from '../errors.ts';
import { MOMENTS } from '../report/profile/stacks.ts';
import type { Moment } from '../result/profile-parts.ts';
import type { Profile } from '../result/schema.ts';
import type { StoredRun } from '../statistics/sample.ts';
import { asPresentResult } from '../store/read-result.ts';
import { quote } from '../text/quote.ts';

export type ProfileFormat = 'folded' | 'pprof';

export function isProfileFormat(name: string): name is ProfileFormat {
  return name === 'folded' || name === 'pprof';
}

/** @throws SetupError `bad-option` */
export function readMoment(value: string | null): Moment {
  const moment = MOMENTS.find((name) => name === (value ?? 'peak'));
  if (moment !== undefined) return moment;
  throw new SetupError('bad-option', `--at: unknown value ${quote(value ?? '')}`, 'use peak, end or total');
}

/** @throws SetupError `no-profile`, `result-unreadable` */
export function profilesOf(runs: Iterable<StoredRun>): Profile[] {
  const profiles: Profile[] = [];
  for (const { result } of runs) {
    const { id, profile } = asPresentResult(result);
    if (profile === null) throw noProfile(`run ${id} has no profile`);
    profiles.push(profile);
  }
  if (profiles.length === 0) throw noProfile('no run has a profile');
  return profiles;
}

function noProfile(message: string): SetupError {
  return new SetupError('no-profile', message, 'record one: kmem-run --profile --keep -- COMMAND');
}

export async function exportedProfile(
  profiles: readonly Profile[],
  format: ProfileFormat,
  at: Moment,
): Promise<string | Uint8Array> {
  if (format === 'folded') return (await import('../report/profile/folded.ts')).foldedStacks(profiles, at);
  return (await import('../report/profile/pprof.ts')).pprofProfile(profiles, at);
}
