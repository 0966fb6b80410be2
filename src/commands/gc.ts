import { collectLeftovers, type Fate } from '../cgroup/collect.ts';
import { readHierarchies } from '../cgroup/hierarchies.ts';
import { foreignOwner, proveLocks } from '../doctor/leftovers.ts';
import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import { collectRemains, type Remains } from '../host/temporary.ts';
import type { CommandHelp } from '../manual/page.ts';
import { counted } from '../text/figures.ts';
import { shellWord } from '../text/quote.ts';
import { cut, visible } from '../text/visible.ts';
import { flagOption, pageOptions } from './option-kinds.ts';
import { readOwnOptions } from './read-options.ts';

const OPTIONS = {
  force: flagOption('also remove groups whose lock is not visible here, and folders of other containers'),
  'dry-run': flagOption('print what would be removed, without removing anything'),
} as const;

export const gcHelp: CommandHelp = {
  synopsis: ['kmem-run gc [options]'],
  text: [
    'Removes the groups of runs whose runner is gone, and kills the processes in them. Groups of runs in progress are not removed.',
    'Also removes the temporary folders and unfinished cache files that your killed kmem-run processes left behind.',
  ],
  options: pageOptions(OPTIONS),
  status: [
    ['0', 'nothing remains to be removed'],
    ['1', 'something could not be removed'],
  ],
};

/** `kmem-run gc`: 0 if everything to be removed was removed, 1 if not. */
export async function gcCommand(argv: readonly string[]): Promise<number> {
  const { booleans } = readOwnOptions(argv, OPTIONS);
  const force = booleans.get('force') ?? false;
  const dryRun = booleans.get('dry-run') ?? false;
  const hierarchies = readHierarchies();
  if (hierarchies.layout === 'none') {
    throw new SetupError(
      'no-cgroups',
      'groups left behind are not visible: no cgroup file system is mounted here',
      'run kmem-run gc on the host, outside this container',
    );
  }
  const { groups, locks } = await collectLeftovers(hierarchies, proveLocks, { force, dryRun });
  const remains = collectRemains({ force, dryRun });
  const lockFiles = lockRows(dryRun ? 'removable' : 'removed', locks);
  await print(textOf([...groups.map(rowOf), ...lockFiles, ...remains.map(remainsRow)]));
  return [...groups, ...remains].some(({ fate }) => fate === 'failed') ? 1 : 0;
}

/** The report on one group. */
type Row = Readonly<{ word: Fate['fate']; name: string; reason: string; hint: string | null }>;

function rowOf(found: Fate): Row {
  switch (found.fate) {
    case 'removed':
      return row('removed', found, contents(found, 'killed'));
    case 'removable':
      return row('removable', found, contents(found, 'would be killed'));
    case 'held':
      return row('held', found, `its run is alive: skipped, with ${contents(found, 'in it')}`);
    case 'unjudged':
      return unjudged(found);
    case 'failed':
      return failed(found);
  }
}

function unjudged(found: Fate): Row {
  const owner = foreignOwner(found.leftover);
  if (owner !== null) {
    const reason = `belongs to user ${owner}, whose locks are not visible: skipped`;
    return row('unjudged', found, reason, 'run kmem-run gc as root, or as that user');
  }
  const reason = `no lock here shows whether its run is alive: skipped, with ${contents(found, 'in it')}`;
  return row('unjudged', found, reason, 'if its run is gone: kmem-run gc --force');
}

function failed(found: Fate): Row {
  const { error, leftover } = found;
  const owner = foreignOwner(leftover);
  const hint = owner === null ? error?.hint : `it belongs to user ${owner}: run kmem-run gc as root, or as that user`;
  return row('failed', found, error?.message ?? 'not removed', hint ?? null);
}

function row(word: Row['word'], { leftover: { name } }: Fate, reason: string, hint: string | null = null): Row {
  return { word, name, reason, hint };
}

function lockRows(word: Row['word'], locks: readonly string[]): Row[] {
  return locks.length === 0
    ? []
    : [{ word, name: counted(locks.length, 'lock file'), reason: 'without a group', hint: null }];
}

function remainsRow({ path, fate, errno }: Remains): Row {
  const name = visible(path);
  switch (fate) {
    case 'unjudged':
      return {
        word: fate,
        name,
        reason: 'made in another container or before the last boot: skipped',
        hint: 'if its run is gone: kmem-run gc --force',
      };
    case 'failed':
      return { word: fate, name, reason: `cannot be removed (${errno})`, hint: `remove it: rm -r ${shellWord(path)}` };
    default:
      return { word: fate, name, reason: 'of a kmem-run that was killed', hint: null };
  }
}

const SHOWN = 5;

/** "2 processes killed: sleep (123), httpd (124)". */
function contents({ processes }: Fate, participle: string): string {
  if (processes.length === 0) return 'no process in it';
  const names = processes.slice(0, SHOWN).map(({ pid, comm }) => `${cut(comm, 20)} (${pid})`);
  const more = processes.length > SHOWN ? `, and ${processes.length - SHOWN} more` : '';
  return `${counted(processes.length, 'process', 'processes')} ${participle}: ${names.join(', ')}${more}`;
}

const WORDS: readonly Row['word'][] = ['removed', 'removable', 'failed'];
const wordWidth = 'removable'.length;

function textOf(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ word, name, reason, hint }) => [
    `${word.padEnd(wordWidth)}  ${name}  ${visible(reason)}`,
    ...(hint === null ? [] : [`${' '.repeat(wordWidth)}  hint: ${visible(hint)}`]),
  ]);
  if (!rows.some(({ word }) => WORDS.includes(word))) lines.push('nothing to remove');
  return lines.map((line) => `${line}\n`).join('');
}
