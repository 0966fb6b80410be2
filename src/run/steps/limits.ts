/** A step that changes the limits of a live group. */

import { changeLimits } from '../../cgroup/change-limits.ts';
import { SetupError } from '../../errors.ts';
import type { GateEvent } from '../../gate/protocol.ts';
import type { ChangedLimits, LimitsStep } from '../../request/run-spec.ts';
import { bookOvershoot } from '../../result/assemble.ts';
import { beginOwnStep, record, type StepContext } from './record.ts';

type LimitEvent = Extract<GateEvent, { event: 'limit' }>;
type LimitContext = Pick<StepContext, 'facts' | 'supervisor'>;

/** A limit that cannot be set fails the step, and the limits stay unchanged. */
export async function takeLimits(context: StepContext, index: number, step: LimitsStep): Promise<void> {
  beginOwnStep(context, step);
  const began = performance.now();
  const error = await change(context, step.limits);
  const { limitsNow, kmemLimit } = context.facts;
  record(context, index, {
    exit: { code: error === null ? 0 : 1, signal: null },
    wallMs: performance.now() - began,
    limits: limitsNow,
    kmemUsage: error === null && step.limits.kmem !== undefined ? kmemLimit.usageWhenSet : null,
    error,
  });
}

/** Null: done. */
async function change(context: StepContext, changed: ChangedLimits): Promise<string | null> {
  const { facts, group } = context;
  const now = facts.limitsNow;
  if (now === null) return 'limit not set: there is no group';
  const kmem = facts.mode === 'none' ? undefined : changed.kmem;
  const native = facts.mode === 'native';
  // The highest usage is attributed to the limit in force: the higher of the two during a change from one to the other.
  const raises = native && kmem !== undefined && (kmem === null || (now.kmem !== null && kmem > now.kmem));
  if (raises && (await markKmem(context)) === null) return GONE;
  const { limits, error, undo } = changeLimits(group, now, changed, { native });
  facts.limitsNow = limits;
  if (error !== null || kmem === undefined) return error;
  if (native) {
    if (!raises) await markKmem(context);
    facts.kmemLimit = { ...facts.kmemLimit, limit: limits.kmem };
    return null;
  }
  const event = await askHelper(context, kmem);
  if (event?.refused === null) {
    facts.limitsNow = { ...limits, kmem };
    return null;
  }
  const stuck = undo();
  if (stuck === null) facts.limitsNow = now;
  const why = event === null ? GONE : REFUSALS[event.refused];
  return stuck === null ? why : `${why}; ${stuck}`;
}

const GONE = 'limit not set: the helper is gone';
const REFUSALS = {
  'not-told': 'limit not set: the kernel memory of the group is not reported, and the gate cannot enforce a limit',
  'not-accounted': 'limit not set: kernel memory is not accounted here, and the gate cannot enforce a limit',
} as const;

/**
 * Further usage is attributed to the limit that is newly in force, starting from current usage. Null if the helper is
 * gone.
 */
export function markKmem(place: LimitContext): Promise<LimitEvent | null> {
  return askHelper(place, undefined);
}

/** `kmem`: the gate's limit from now on; undefined: unchanged. Null if the helper is gone. */
async function askHelper(
  { facts, supervisor }: LimitContext,
  kmem: number | null | undefined,
): Promise<LimitEvent | null> {
  try {
    supervisor.limit(kmem);
    const event = await supervisor.next('limit');
    const limit = kmem === undefined ? facts.kmemLimit.limit : kmem;
    if (event.refused === null) bookOvershoot(facts, { limit, usageWhenSet: event.usage }, event.maxUsage);
    return event;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return null;
  }
}
