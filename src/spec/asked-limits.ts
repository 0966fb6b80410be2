import type { Limits, RunSpec } from './run-spec.ts';

/** Whether the run has such a limit at any time: from the start, or by a step that changes limits. */
export function asksFor({ limits, plan }: Pick<RunSpec, 'limits' | 'plan'>, key: keyof Limits): boolean {
  if (limits[key] !== null) return true;
  return (plan ?? []).some((step) => step.kind === 'limits' && (step.limits[key] ?? null) !== null);
}
