import { join } from 'node:path';
import { SetupError } from '../errors.ts';
import { packageRoot } from '../gate/find-helper.ts';
import { absolute } from '../host/own-process.ts';
import { print } from '../host/print.ts';
import { isFile } from '../host/read-input.ts';
import { writeReport } from '../host/write-file.ts';
import type { CommandHelp } from '../manual/page.ts';
import { csvHead, csvLine } from '../report/formats.ts';
import { pageScript } from '../report/html/frame.ts';
import { outputFile } from '../request/output-file.ts';
import type { ReportDocument } from '../scenario/documents.ts';
import { quote } from '../text/quote.ts';
import { version } from '../version.ts';
import { flagOption, NO_COLOR, pageOptions, STORE, valueOption } from './option-kinds.ts';
import { readDocuments, readRuns, readSides } from './report-documents.ts';
import { readStoredArguments, type StoredArguments, styleOfStdout } from './stored.ts';

const OPTIONS = {
  html: valueOption('FILE', 'write the page to this file ("-": stdout)'),
  svg: valueOption('DIR', 'write each plot to this folder as SVG'),
  png: valueOption('DIR', 'write each plot to this folder as PNG (requires the package @resvg/resvg-js)'),
  markdown: valueOption('FILE', 'write a pull-request comment ("-": stdout)'),
  csv: valueOption('FILE', 'write a line of figures for each run ("-": stdout)'),
  plot: flagOption('print the reports, with plots'),
  compare: flagOption('compare two RESULTs; separate the runs of one side by commas'),
  title: valueOption('TEXT', 'title of the page'),
  ...NO_COLOR,
  ...STORE,
} as const;

export const reportHelp: CommandHelp = {
  synopsis: ['kmem-run report [options] RESULT…'],
  text: [
    'Creates a page of results, with plots, tables, failed calls and replay commands. The page is a single file that loads no external resources.',
    'RESULT is a file or a saved result. A file is the JSON output of a kmem-run command that performs, exports or compares runs. A saved result is a run, an experiment, a label, or @ for the latest run.',
  ],
  options: pageOptions(OPTIONS),
  takes: 'FILE|ID|LABEL',
  status: [['0', 'written']],
  examples: ['kmem-run report @ --html page.html'],
};

/** `kmem-run report`. */
export async function reportCommand(argv: readonly string[]): Promise<number> {
  const given = readStoredArguments(argv, OPTIONS);
  const wanted = outputsOf(given);
  const { csv: table } = wanted;
  const { words, store } = given;
  if (table !== null) await writeOut(table, await csvOf(words, store));
  if (isOnlyCsv(wanted)) return 0;
  const documents = await documentsOf(given);
  await orNotAReport(words, () => drawAll(documents, given, wanted));
  return 0;
}

/** For the report of an experiment only the kind is checked before it is drawn. */
async function orNotAReport(words: readonly string[], draw: () => Promise<void>): Promise<void> {
  try {
    await draw();
  } catch (error) {
    if (error instanceof SetupError || !words.some(isFile)) throw error;
    const reason = `${words.map((word) => quote(word)).join(', ')} cannot be drawn: the report is incomplete`;
    const hint = 'name an unchanged file written with kmem-run --json';
    throw new SetupError('not-a-report', reason, hint, { cause: error });
  }
}

async function drawAll(
  documents: readonly ReportDocument[],
  given: StoredArguments,
  { html, svg, png, markdown, plot }: Outputs,
): Promise<void> {
  if (markdown !== null) await writeOut(markdown, await markdownOf(given, documents));
  if (plot) await printPlots(documents, given.given.booleans.get('color') ?? null);
  if (html !== null) await writePage(html, documents, given.value('title'));
  if (svg !== null || png !== null) await writePlots(documents, { svg, png });
}

type Outputs = Readonly<{
  html: string | null;
  svg: string | null;
  png: string | null;
  markdown: string | null;
  csv: string | null;
  plot: boolean;
}>;

/** Reported before anything is read: a mistake in them costs nothing. */
function outputsOf({ value, words, isOn }: StoredArguments): Outputs {
  const usage = 'use kmem-run report RESULT… --html FILE; list saved results: kmem-run history';
  if (words.length === 0) throw new SetupError('missing-argument', 'report requires a result', usage);
  const [html, svg, png, markdown, csv] = ['html', 'svg', 'png', 'markdown', 'csv'].map(value);
  const plot = isOn('plot');
  const given = [html, svg, png, markdown, csv].filter((name) => name != null);
  if (given.length === 0 && !plot) throw new SetupError('missing-option', 'report requires an output', usage);
  if ([html, markdown, csv].filter((name) => name === '-').length + (plot ? 1 : 0) > 1)
    throw new SetupError(
      'conflicting-options',
      'report: only one output can go to stdout',
      'write the others to files: --markdown FILE',
    );
  const folder = (name: string | null | undefined): string | null => (name == null ? null : absolute(name));
  const file = (name: string, given: string | null | undefined): string | null =>
    given == null || given === '-' ? (given ?? null) : outputFile(given, { name });
  return {
    html: file('--html', html),
    svg: folder(svg),
    png: folder(png),
    markdown: file('--markdown', markdown),
    csv: file('--csv', csv),
    plot,
  };
}

async function documentsOf({ words, store, isOn }: StoredArguments): Promise<ReportDocument[]> {
  if (!isOn('compare')) return readDocuments(words, store);
  const [a, b, ...more] = words;
  if (a === undefined || b === undefined || more.length > 0) {
    const reason = `--compare requires two results, not ${words.length}`;
    throw new SetupError(
      'bad-option',
      reason,
      'name two results; separate several runs of one side by commas: 31a4,60c7',
    );
  }
  return [await readSides(a, b, store)];
}

async function writePage(file: string, documents: readonly ReportDocument[], title: string | null): Promise<void> {
  const { reportPage } = await import('../report/html/page.ts');
  const script = pageScript(packageRoot(import.meta.dirname));
  const madeAt = new Date().toISOString();
  const page = reportPage(documents, { script, title, version, madeAt });
  await writeOut(file, page);
}

async function writeOut(file: string, text: string): Promise<void> {
  if (file === '-') await print(text);
  else await writeReport(file, text);
}

function isOnlyCsv({ html, svg, png, markdown, plot }: Outputs): boolean {
  return !plot && [html, svg, png, markdown].every((name) => name === null);
}

async function csvOf(words: readonly string[], store: string | null): Promise<string> {
  const runs = await readRuns(words, store);
  return csvHead() + runs.map(csvLine).join('');
}

/** What changed from the first result to each other one, if they are comparable. */
async function markdownOf(
  { words, store, isOn, value }: StoredArguments,
  documents: readonly ReportDocument[],
): Promise<string> {
  const { markdownReport } = await import('../report/markdown/report.ts');
  const [first = '', ...others] = isOn('compare') ? [] : words;
  const compared: ReportDocument[] = [];
  const notes: string[] = [];
  for (const other of others) {
    try {
      compared.push(await readSides(first, other, store));
    } catch (error) {
      if (!(error instanceof SetupError) || error.code !== 'nothing-to-compare') throw error;
      notes.push(`${first} and ${other} cannot be compared: ${error.message}`);
    }
  }
  return markdownReport([...documents, ...compared], { title: value('title'), version, notes });
}

async function printPlots(documents: readonly ReportDocument[], color: boolean | null): Promise<void> {
  const { documentText } = await import('../report/terminal/documents.ts');
  const style = { ...styleOfStdout(color), plot: true };
  await print(documents.map((document) => documentText(document, style)).join('\n'));
}

type Folders = Readonly<{ svg: string | null; png: string | null }>;

/** @throws SetupError `nothing-to-draw`, `json-not-written`, `no-rasteriser`. */
export async function writePlots(documents: readonly ReportDocument[], { svg, png }: Folders): Promise<void> {
  const { plotPng, plotSvg, plotsOf } = await import('../report/plots/files.ts');
  const plots = documents.flatMap((document, index) => plotsOf(document, String(index + 1)));
  if (plots.length === 0) {
    throw new SetupError('nothing-to-draw', 'these results have no plot', 'use --html FILE, which shows their tables');
  }
  for (const plot of plots) {
    const drawn = plotSvg(plot);
    if (svg !== null) await writeReport(join(svg, `${plot.id}.svg`), drawn, undefined, { makesFolders: true });
    if (png !== null) await writeReport(join(png, `${plot.id}.png`), plotPng(drawn), undefined, { makesFolders: true });
  }
}
