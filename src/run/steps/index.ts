import { takeAction } from './actions.ts';
import { followGate } from './handover.ts';
import { takeLimits } from './limits.ts';
import { endBackground, takeProgram } from './program.ts';
import type { Clock, StepContext } from './record.ts';

type Given = Pick<StepContext, 'facts' | 'plan' | 'stop' | 'group' | 'supervisor' | 'streams' | 'accounts'>;

export type Steps = Readonly<{
  /** Resolves when the last step is over, or the run has been ended. @throws SetupError */
  take: () => Promise<void>;
  /** Ends what the plan left running; resolves to whether there was anything. */
  endBackground: () => Promise<boolean>;
}>;

/** `onBegin`: called when a step begins; `onGo`: when a program in the group has been released. */
export function openSteps(given: Given, clock: Clock, calls: Pick<StepContext, 'onBegin' | 'onGo'>): Steps {
  const { plan, stop, supervisor } = given;
  const gate = followGate(supervisor);
  const context: StepContext = { ...given, ...calls, clock, gate, background: new Map() };
  return {
    take: async () => {
      for (const [index, planned] of plan.steps.entries()) {
        if (stop.reason() !== null) return;
        const { step } = planned;
        if (step.kind === 'command' || step.kind === 'outside') await takeProgram(context, index, planned);
        else if (step.kind === 'limits') await takeLimits(context, index, step);
        else await takeAction(context, index, step);
      }
    },
    endBackground: () => endBackground(context),
  };
}
