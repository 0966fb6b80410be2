/** Profiles of real programs, for tests. */

import { cpus } from 'node:os';
import type { ExecutionContext } from 'ava';
import type { Profile, ProfileRow, Result } from '../../src/result/schema.ts';
import { surveyHere } from '../programs.ts';

/** Why this machine records no profiles; null if it does. */
export const whyNoProfile: string | null = (() => {
  const failed = surveyHere().programs.find(({ object, errno }) => object === 'profile' && errno !== 0);
  return failed === undefined ? null : `${failed.program}: ${failed.reason}`;
})();

export function profileIn(result: Result | null | undefined): Profile {
  if (!result?.profile) throw new Error(`no profile: ${JSON.stringify(result?.error)}`);
  return result.profile;
}

/** What the kernel charges in advance on each CPU. */
const STOCK = 8 * 1024;

/** The rows add up to the counter at the peak, but for 3 % and what is charged in advance. */
export function assertExplained(t: ExecutionContext, { peak }: Profile, processors: number = cpus().length): void {
  const { usage, explained } = peak;
  const most = 0.03 * (usage ?? 0) + STOCK * processors;
  t.true(usage !== null && Math.abs(usage - explained) <= most, `${explained} of ${usage} explained`);
}

export function rowsOf({ rows }: Profile, what: string): readonly ProfileRow[] {
  return rows.filter((row) => row.what === what);
}

/** Objects in each row, in descending order. */
export function objectsAtPeak(profile: Profile, what: string): readonly number[] {
  return rowsOf(profile, what)
    .map(({ atPeak }) => atPeak.objects)
    .toSorted((a, b) => b - a);
}

export function functionsIn({ frames }: Profile, stack: readonly number[]): readonly (string | null)[] {
  return stack.map((index) => frames[index]?.function ?? null);
}
