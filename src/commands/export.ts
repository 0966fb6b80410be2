import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import type { CommandHelp } from '../manual/page.ts';
import { csvHead, csvLine } from '../report/formats.ts';
import type { Moment } from '../result/profile-parts.ts';
import type { StoredRun } from '../statistics/sample.ts';
import { asPresentResult } from '../store/read-result.ts';
import type { Store } from '../store/types.ts';
import { escapeControls, quote, shellLine } from '../text/quote.ts';
import { exportedProfile, isProfileFormat, type ProfileFormat, profilesOf, readMoment } from './export-profile.ts';
import { pageOptions, STORE, valueOption } from './option-kinds.ts';
import { readStoredArguments, withStore } from './stored.ts';

const OPTIONS = {
  format: valueOption(
    'json|csv|folded|pprof',
    'an array of results; a line of figures for each run; or the stacks of profiles, added up: as text for flame graphs, or for pprof',
    { byDefault: 'json' },
  ),
  at: valueOption('peak|end|total', 'with folded or pprof: memory live at the peak or at the end, or all allocated', {
    byDefault: 'peak',
  }),
  ...STORE,
} as const;

export const exportHelp: CommandHelp = {
  synopsis: ['kmem-run export [options] [ID…]'],
  text: [
    'Prints saved runs in the order in which they ended. Each ID is a run, an experiment or a label; without an ID, all runs are printed.',
    'The formats folded and pprof require an ID, and runs with --profile.',
  ],
  options: pageOptions(OPTIONS),
  takes: 'ID|LABEL',
  status: [['0', 'printed']],
  examples: ['kmem-run export --format csv > runs.csv', 'kmem-run export --format pprof @ > kmem.pb.gz'],
};

type Format = Readonly<{ head: string; line: (run: StoredRun, index: number) => string; foot: string }>;

const formats: Readonly<Record<string, Format>> = {
  json: { head: '[', line: (run, index) => `${index === 0 ? '' : ','}\n${jsonOf(run)}`, foot: '\n]\n' },
  csv: {
    head: csvHead(),
    line: (run) => csvLine({ ...run, result: asPresentResult(run.result) }),
    foot: '',
  },
};

/** `kmem-run export`. */
export async function exportCommand(argv: readonly string[]): Promise<number> {
  const { words, store, value } = readStoredArguments(argv, OPTIONS);
  const name = value('format') ?? 'json';
  if (isProfileFormat(name)) {
    await exportProfile(name, words, store, readMoment(value('at')));
    return 0;
  }
  const format = formatOf(name);
  if (value('at') !== null)
    throw new SetupError('bad-option', '--at requires the format folded or pprof', 'add --format folded');
  await withStore(store, (open) => writeAll(runsOf(open, words), format));
  return 0;
}

function formatOf(name: string): Format {
  const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (format !== undefined) return format;
  throw new SetupError('bad-option', `--format: unknown format ${quote(name)}`, 'use json, csv, folded or pprof');
}

/** All of them are read before anything is printed. */
async function exportProfile(
  format: ProfileFormat,
  words: readonly string[],
  store: string | null,
  at: Moment,
): Promise<void> {
  if (words.length === 0) {
    const hint = `the run that ended last: kmem-run export --format ${format} @`;
    throw new SetupError('missing-argument', `--format ${format} requires an ID`, hint);
  }
  if (format === 'pprof' && process.stdout.isTTY)
    throw new SetupError(
      'bad-option',
      '--format pprof prints binary data',
      `redirect it: kmem-run export --format pprof ${shellLine(words)} > kmem.pb.gz`,
    );
  const profiles = await withStore(store, (open) => profilesOf(runsOf(open, words)));
  await print(await exportedProfile(profiles, format, at));
}

/** All names are looked up before the first run is written. */
function runsOf(store: Store, words: readonly string[]): Iterable<StoredRun> {
  if (words.length === 0) return store.allRuns();
  const named = words.flatMap((word) => word.split(',')).map((word) => store.find(word));
  return once(named.map((one) => store.runsNamed(one)));
}

function* once(sets: readonly Iterable<StoredRun>[]): Iterable<StoredRun> {
  const seen = new Set<string>();
  for (const set of sets) {
    for (const run of set) {
      if (!seen.has(run.result.id)) yield run;
      seen.add(run.result.id);
    }
  }
}

/** One at a time, so that a store of any size fits into memory. */
async function writeAll(runs: Iterable<StoredRun>, { head, line, foot }: Format): Promise<void> {
  let index = 0;
  if (!(await print(head))) return;
  for (const run of runs) {
    if (!(await print(line(run, index)))) return;
    index += 1;
  }
  if (foot !== '') await print(foot);
}

function jsonOf({ result, ...place }: StoredRun): string {
  return escapeControls(JSON.stringify({ ...place, result }));
}
