/** What the page says of every experiment. */

import { shellLine } from '../../spec/shell.ts';
import type { ExperimentFacts } from '../experiment.ts';
import { counted, duration } from '../words.ts';
import { type Fact, facts, heading } from './common.ts';
import { html, type Markup } from './markup.ts';

export const commandOf = ({ command }: Pick<ExperimentFacts, 'command'>): string => shellLine(command);

export function howItWasMade(report: ExperimentFacts, more: readonly Fact[] = []): Markup {
  const { id, startedAt, then, expect, warmup, prepare, timeoutMs, kmemRun, status } = report;
  return html`${heading(3, 'How it was made')}${facts([
    ['experiment', html`<code>${id}</code>`, status === 'done' ? null : 'not made to its end'],
    ['command', html`<code>${commandOf(report)}</code>`],
    ...then.map((line): Fact => ['then', html`<code>${line}</code>`]),
    ...expect.map((line): Fact => ['expects', html`<code>${line}</code>`]),
    ...(prepare === null ? [] : [['before each run', html`<code>${prepare}</code>`] as const]),
    ['started', startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    ['before the first', counted(warmup, 'warm-up')],
    ['time for a run', timeoutMs === null ? 'no limit' : `at most ${duration(timeoutMs)}`],
    ...more,
    ['kmem-run', kmemRun],
  ])}`;
}
