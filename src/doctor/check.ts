/** A check tests one thing that a run needs by doing it; the result is a diagnosis. */

import { SetupError } from '../errors.ts';
import type { Bench } from './bench.ts';
import { remedyOf } from './remedies.ts';

/**
 * `missing`: no gated run works without it. `warning`: something else does not work, or spoils measurements. `note`:
 * not available here; runs use a fallback.
 */
export type Level = 'ok' | 'note' | 'warning' | 'missing';

export type CheckFinding = Readonly<{
  level: Level;
  found: string;
  /** Replaces the check's own remedy if the cause is known better. */
  remedy?: string;
}>;

export type Check = Readonly<{
  name: string;
  /** Earlier checks without which this one cannot be tried. */
  needs?: readonly Check[];
  /** A thrown SetupError is a finding of level `missing`. */
  probe: (bench: Bench) => CheckFinding | Promise<CheckFinding>;
  /** A one-line instruction for a finding that is a warning or missing. */
  remedy: string;
}>;

export type Diagnosis = Readonly<{
  name: string;
  level: Level | 'not-tried';
  found: string;
  /** Null if there is nothing to fix. */
  remedy: string | null;
}>;

export function ok(found: string): CheckFinding {
  return { level: 'ok', found };
}

export function note(found: string): CheckFinding {
  return { level: 'note', found };
}

export function warning(found: string, remedy?: string): CheckFinding {
  return withRemedy('warning', found, remedy);
}

export function missing(found: string, remedy?: string): CheckFinding {
  return withRemedy('missing', found, remedy);
}

/** A SetupError as a finding. */
export function refused(level: Level, error: SetupError): CheckFinding {
  return withRemedy(level, error.message, remedyOf(error));
}

export type CheckOptions = Readonly<{
  /** When aborted, the current check cleans up after itself, its finding is discarded and no further check is tried. */
  signal: AbortSignal;
  /** Called after each check. */
  onDiagnosis?: ((diagnosis: Diagnosis) => void) | undefined;
}>;

/** Tries the checks in order. */
export async function runChecks(
  checks: readonly Check[],
  bench: Bench,
  { signal, onDiagnosis }: CheckOptions,
): Promise<Diagnosis[]> {
  const diagnoses: Diagnosis[] = [];
  for (const check of checks) {
    const diagnosis = await diagnose(check, bench, diagnoses);
    if (signal.aborted) break;
    diagnoses.push(diagnosis);
    onDiagnosis?.(diagnosis);
  }
  return diagnoses;
}

/** Whether a gated run has all it needs. */
export function allThere(diagnoses: readonly Diagnosis[]): boolean {
  return diagnoses.every(({ level }) => level !== 'missing' && level !== 'not-tried');
}

async function diagnose(check: Check, bench: Bench, before: readonly Diagnosis[]): Promise<Diagnosis> {
  const { name } = check;
  const lacking = whatIsMissing(check, before);
  if (lacking.size > 0) {
    const names = [...lacking].join(', ');
    return { name, level: 'not-tried', found: `not tried: it requires ${names}`, remedy: null };
  }
  const { level, found, remedy = check.remedy } = await tryProbe(check, bench);
  return { name, level, found, remedy: level === 'warning' || level === 'missing' ? remedy : null };
}

async function tryProbe({ probe }: Check, bench: Bench): Promise<CheckFinding> {
  try {
    return await probe(bench);
  } catch (error) {
    if (error instanceof SetupError) return refused('missing', error);
    const reason = error instanceof Error ? error.message : String(error);
    return missing(`could not be tried: ${reason}`, 'this is a bug in kmem-run: please report it');
  }
}

/** Names of the missing things that a check needs, directly or indirectly. */
function whatIsMissing({ needs = [] }: Check, before: readonly Diagnosis[]): Set<string> {
  const names = needs.flatMap((need) => {
    const level = before.find(({ name }) => name === need.name)?.level;
    if (level === 'not-tried') return [...whatIsMissing(need, before)];
    return level === undefined || level === 'missing' ? [need.name] : [];
  });
  return new Set(names);
}

function withRemedy(level: Level, found: string, remedy: string | undefined): CheckFinding {
  return remedy === undefined ? { level, found } : { level, found, remedy };
}
