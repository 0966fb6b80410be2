/** What happened in a scenario that is run alone, step by step: the last run of it. */

import type { Result } from '../../result/schema.ts';
import { failureRows } from '../failures.ts';
import { type Line, layOut, type Row, type Style } from '../layout.ts';
import { expectationRows } from '../rows.ts';
import { columns, cut, visible } from '../visible.ts';
import { duration, ending, shortSize } from '../words.ts';
import type { ScenarioOutcome } from './types.ts';

const labelWidth = 'failures'.length;
const nameLength = 40;

/** Empty where nothing was run. */
export function scenarioStory({ title, results }: ScenarioOutcome, style: Style): string {
  const result = results.at(-1);
  if (result === undefined || result.steps.length === 0) return '';
  const rows: Row[] = [
    { label: 'shows', lines: [visible(title)] },
    { label: 'kmem', lines: [kmemText(result)] },
    { label: 'steps', lines: stepLines(result) },
    ...failureRows(result, false),
    ...expectationRows(result, false),
  ];
  return layOut(rows, labelWidth, style)
    .map((line) => `  ${line}\n`)
    .join('');
}

function kmemText({ kmem, limits }: Result): string {
  return `peak ${shortSize(kmem.maxUsage)} of ${limits.kmem === null ? 'no limit' : shortSize(limits.kmem)}`;
}

function stepLines({ steps, outcome }: Result): Line[] {
  const names = steps.map(({ name, command }) => cut(name ?? command, nameLength));
  const width = Math.max(...names.map(columns));
  return steps.map(({ exit, http, wallMs, failcnt, kmemMaxUsage }, index) => {
    const name = names[index] ?? '';
    const figures = [
      http?.status == null ? visible(ending(exit)) : `status ${http.status}`,
      ...(wallMs === null ? [] : [duration(wallMs)]),
      ...(failcnt === null || failcnt === 0 ? [] : [`failcnt ${failcnt}`]),
      ...(kmemMaxUsage === null ? [] : [`peak ${shortSize(kmemMaxUsage)}`]),
    ];
    const text = `${name}${' '.repeat(width - columns(name))}  ${figures.join('  ')}`;
    return { text, tone: exit.code === 0 || outcome === 'passed' ? 'plain' : 'bad' };
  });
}
