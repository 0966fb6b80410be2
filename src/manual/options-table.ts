/** The tables of docs/reference/run.md, made from the definitions that parse and that --help lists. */

import { DEFAULT_RESERVE } from '../gate/syscalls.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { formatSize } from '../request/size.ts';
import { formatDuration } from '../text/figures.ts';
import { markdownTable } from '../text/markdown-table.ts';

type Option = Readonly<{ group?: string | undefined; type?: string | undefined; description?: string | undefined }>;
type Options = Readonly<Record<string, Option>>;

/** A table for each group of options, in the order of --help. */
export function optionsTable(runOptions: Options): string {
  const groups = [...new Set(Object.values(runOptions).map(({ group }) => group ?? ''))];
  const defaults = readDefaults();
  return groups
    .map((group) => {
      const rows = Object.entries(runOptions)
        .filter(([, option]) => option.group === group)
        .map(([name, option]) => rowOf(name, option, defaults.get(name) ?? ''));
      return `**${group.replace(/:$/, '')}**\n\n${markdownTable(['option', 'meaning', 'default'], rows)}`;
    })
    .join('\n');
}

/** The description of an option that takes a value begins with what it takes: `SIZE: memory`. */
function rowOf(name: string, { type, description = '' }: Option, otherwise: string): string[] {
  const isFlag = type === 'boolean';
  const at = isFlag ? -1 : description.indexOf(': ');
  const takes = at === -1 ? '' : ` ${description.slice(0, at)}`;
  return [`\`--${name}${takes}\``, at === -1 ? description : description.slice(at + 2), otherwise];
}

/** What an option comes to where it is not given, for a reader; one that is not in the map comes to nothing. */
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
