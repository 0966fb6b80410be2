import { SetupError } from '../errors.ts';
import { readJsonInput } from '../host/read-input.ts';
import { writeReport } from '../host/write-file.ts';
import type { CommandHelp } from '../manual/page.ts';
import { readScenarios } from '../scenario/read-report.ts';
import type { ScenariosReport } from '../scenario/report.ts';
import { suiteStatus } from '../scenario/suite.ts';
import { pageOptions, valueOption } from './option-kinds.ts';
import { readOptions } from './read-options.ts';
import { formatOption, formatted, parseFormat } from './scenario-report.ts';

const OPTIONS = {
  format: formatOption('Options:'),
  output: valueOption('FILE', 'write the report to this file'),
} as const;

export const mergeHelp: CommandHelp = {
  synopsis: ['kmem-run merge [options] FILE…'],
  text: ['Merges reports of `kmem-run scenario run --format json`, for example from --shard 1/3, 2/3 and 3/3.'],
  options: pageOptions(OPTIONS),
  takes: 'FILE',
  status: [
    ['0', 'all scenarios passed or were skipped'],
    ['1', 'a scenario failed'],
    ['125', 'a scenario could not be run, or a part is missing'],
  ],
};

/** `kmem-run merge`: the status that a single run of all would have had. */
export async function mergeCommand(argv: readonly string[]): Promise<number> {
  const { positionals, strings } = readOptions(argv.slice(1), OPTIONS);
  if (positionals.length === 0)
    throw new SetupError('missing-name', 'merge requires reports', 'use kmem-run merge FILE…');
  const format = parseFormat(strings.get('format')?.[0] ?? 'pretty');
  const merged = mergeReports(positionals.map(readPart));
  await writeReport(strings.get('output')?.[0] ?? '-', formatted(merged, format));
  return suiteStatus(merged.scenarios);
}

/** @throws SetupError `parts-differ`, `part-missing`. */
export function mergeReports(parts: readonly ScenariosReport[]): ScenariosReport {
  const [first] = parts;
  if (first === undefined) throw new Error('nothing to merge');
  const shards = parts.flatMap(({ shard }) => shard ?? []);
  if (shards.some(({ of }) => of !== shards[0]?.of))
    throw new SetupError(
      'parts-differ',
      'the reports are parts of different runs',
      'use the reports of one set of shards',
    );
  const missing = Array.from({ length: shards[0]?.of ?? 0 }, (_, index) => index + 1).filter(
    (index) => !shards.some((shard) => shard.index === index),
  );
  if (missing.length > 0) {
    const words = missing.map((index) => `${index}/${shards[0]?.of}`).join(', ');
    throw new SetupError('part-missing', `part ${words} is missing`, 'use the reports of all parts');
  }
  return {
    ...first,
    startedAt: parts.map(({ startedAt }) => startedAt).toSorted()[0] ?? first.startedAt,
    durationMs: parts.reduce((sum, { durationMs }) => sum + durationMs, 0),
    status: parts.some(({ status }) => status === 'stopped') ? 'stopped' : 'done',
    shard: null,
    scenarios: parts.flatMap(({ scenarios }) => scenarios).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function readPart(file: string): ScenariosReport {
  const error = { code: 'unreadable-report', hint: 'make a report with kmem-run scenario run --format json' };
  return readScenarios(file, readJsonInput(file, error), error);
}
