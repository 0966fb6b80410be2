/** What there is to draw of a bisection. */

import type { BisectReport } from '../bisect.ts';
import { counted } from '../words.ts';
import type { SearchPlot } from './search-path.ts';

export function searchOf({ trials, answer }: BisectReport, id: string): SearchPlot | null {
  if (trials.length === 0) return null;
  const passed = trials.filter((trial) => trial.passed).length;
  return {
    kind: 'search',
    id,
    title: 'The search',
    about: `The limit of each of ${counted(trials.length, 'trial')} in turn, of which ${passed} passed.`,
    data: {
      trials: trials.map(({ limit, phase, id: run, passed: did, outcome, peak }) => ({
        limit,
        phase,
        id: run,
        passed: did,
        outcome,
        peak,
      })),
      passesAt: 'passesAt' in answer ? answer.passesAt : null,
      failsAt: 'failsAt' in answer ? answer.failsAt : null,
    },
  };
}
