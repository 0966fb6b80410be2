/** What made the peak of kernel memory grow, as tables. */

import type { GrownPart, Growth } from '../../statistics/growth.ts';
import { formatSize, shortSize } from '../../text/figures.ts';
import { namesText, stackText } from '../terminal/growth.ts';
import { code, escaped, table } from './markup.ts';

const SHOWN = 10;

/** Empty if no part grew. `where` is Markdown. */
export function growthSections(growth: Growth | null, where: string): string[] {
  if (growth === null || growth.kinds.length === 0) return [];
  const { kinds, stacks, unseen, unlisted } = growth;
  const { a, b } = unlisted;
  return [
    `**What grew**${where === '' ? '' : ` at ${where}`}`,
    grownTable(kinds, null),
    ...(stacks.length === 0 ? [] : [grownTable(stacks, 'stack, from the inside out')]),
    ...(unseen.length === 0 ? [] : [`Not compared: ${escaped(namesText(unseen))} (releases not seen).`]),
    ...(a === 0 && b === 0 ? [] : [`Not listed by the profiles: A ${formatSize(a)}, B ${formatSize(b)}.`]),
  ];
}

function grownTable(parts: readonly GrownPart[], stackHead: string | null): string {
  const rows = parts
    .slice(0, SHOWN)
    .map((part) => [
      code(part.what, 80),
      part.by === null ? '' : code(part.by),
      ...(stackHead === null ? [] : [code(stackText(part), 160)]),
      ...[part.a, part.b].map(shortSize),
      `+${formatSize(part.b - part.a)}`,
    ]);
  const head = ['kernel memory', 'by', ...(stackHead === null ? [] : [stackHead]), 'A', 'B', 'growth'];
  const sides = head.map((_, column) => (column < head.length - 3 ? 'left' : 'right'));
  return table(head, sides, rows);
}
