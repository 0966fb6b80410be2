/** What made the peak of kernel memory grow, from the profiles of both sides. */

import type { GrownPart, Growth } from '../../statistics/growth.ts';
import { counted, formatSize } from '../../text/figures.ts';
import { cut, visible } from '../../text/visible.ts';

const SHOWN = 5;
const NAME_LENGTH = 60;
const SHOWN_NAMES = 5;
const SHOWN_FRAMES = 3;
const FRAME_LENGTH = 40;

/** `of which socket inode +84 KiB by accept4`, the largest first. */
export function kindLines(growth: Growth | null): string[] {
  if (growth === null) return [];
  const { kinds, unseen, unlisted } = growth;
  const isComplete = unlisted.a === 0 && unlisted.b === 0;
  return [
    ...kinds.slice(0, SHOWN).map((part) => `of which ${grownText(part)}`),
    ...more(kinds, 'other kind'),
    ...(unseen.length === 0 ? [] : [`not compared: ${namesText(unseen)} (releases not seen)`]),
    ...(isComplete ? [] : [`not listed by the profiles: ${formatSize(unlisted.a)} → ${formatSize(unlisted.b)}`]),
  ];
}

/** `socket inode +84 KiB by accept4, in accept4 ← listener_thread`. */
export function stackLines(growth: Growth | null): string[] {
  const stacks = growth?.stacks ?? [];
  return [
    ...stacks.slice(0, SHOWN).map((part) => `${grownText(part)}, in ${stackText(part)}`),
    ...more(stacks, 'other stack'),
  ];
}

/** From the inside out. */
export function stackText({ stack }: Pick<GrownPart, 'stack'>): string {
  const shown = stack.slice(0, SHOWN_FRAMES).map((name) => cut(name, FRAME_LENGTH));
  return [...shown, ...(stack.length > SHOWN_FRAMES ? ['…'] : [])].join(' ← ');
}

export function namesText(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).map((name) => cut(name, NAME_LENGTH));
  const left = names.length - shown.length;
  return [...shown, ...(left === 0 ? [] : [`${left} more`])].join(', ');
}

function grownText({ what, by, a, b }: GrownPart): string {
  return `${cut(what, NAME_LENGTH)} +${formatSize(b - a)}${by === null ? '' : ` by ${visible(by)}`}`;
}

function more(parts: readonly GrownPart[], name: string): string[] {
  const others = parts.slice(SHOWN);
  const bytes = others.reduce((sum, { a, b }) => sum + b - a, 0);
  return others.length === 0 ? [] : [`and ${counted(others.length, name)}: +${formatSize(bytes)}`];
}
