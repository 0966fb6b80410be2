/** The tables of docs/reference/run.md, generated from the definitions used for parsing and --help. */

import { DEFAULT_RESERVE } from '../gate/syscalls.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { formatSize } from '../request/size.ts';
import { formatDuration } from '../text/figures.ts';
import { markdownTable } from '../text/markdown-table.ts';
import type { PageOption } from './page.ts';

/** A table for each group of options, in the order of --help. */
export function optionsTable(options: readonly PageOption[]): string {
  const defaults = readDefaults();
  return [...Map.groupBy(options, ({ group }) => group)]
    .map(([group, own]) => {
      const rows = own.map((option) => rowOf(option, defaults.get(option.name) ?? ''));
      return `**${group.replace(/:$/, '')}**\n\n${markdownTable(['option', 'meaning', 'default'], rows)}`;
    })
    .join('\n');
}

function rowOf({ name, takes, about, repeatable }: PageOption, otherwise: string): string[] {
  return [
    `\`--${name}${takes === null ? '' : ` ${takes}`}\``,
    `${about}${repeatable ? ' (repeatable)' : ''}`,
    otherwise,
  ];
}

/** The default of each option, as text for a reader; an option that is not in the map has none. */
function readDefaults(): ReadonlyMap<string, string> {
  const { limits: _, cwd: __, ...spec } = normaliseSpec({ command: ['true'] });
  const defaults = new Map<string, string>();
  for (const [key, value] of Object.entries(spec)) {
    const name = key.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const words = wordsOf(key, value);
    if (words !== null) defaults.set(name, words);
  }
  return defaults.set('reserve', formatSize(DEFAULT_RESERVE)).set('cwd', 'the current folder');
}

function wordsOf(key: string, value: unknown): string | null {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'number') return key.endsWith('Ms') ? formatDuration(value) : String(value);
  return typeof value === 'string' ? `\`${value}\`` : null;
}
