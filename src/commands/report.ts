import { resolve } from 'node:path';
import { SetupError } from '../errors.ts';
import { packageRoot } from '../gate/native.ts';
import type { ReportDocument } from '../report/documents.ts';
import { writeReport } from '../report/file.ts';
import { pageScript } from '../report/html/script.ts';
import { version } from '../result/version.ts';
import { outputFile } from '../spec/output-file.ts';
import { readDocuments, readSides } from './report-documents.ts';
import { writePlots } from './report-plots.ts';
import { print, readStoredArguments, type StoredArguments } from './stored.ts';

export const reportUsage = `kmem-run report RESULT… --html FILE [--svg DIR] [--png DIR] [--compare] [--title TEXT] [--store FILE]

Makes a page of results: plots, tables, what failed and how to see it again. The page is one file that loads nothing.
RESULT is a file that kmem-run wrote by --json (a run, a sweep, a bisection, an exploration, fidelity, scenarios; also of
export and compare), or what is kept: a run, an experiment, a label, @ for the latest.

  --html FILE   write the page there ("-": stdout)
  --svg DIR     write each plot into this folder as SVG
  --png DIR     and as PNG, which takes the optional package @resvg/resvg-js
  --compare     two RESULTs (or lists with commas between), one over the other
  --title TEXT  what the page is called
  --store FILE  look into this store instead of your own

Exit status: 0.
`;

/** `kmem-run report`. */
export async function reportCommand(argv: readonly string[]): Promise<number> {
  const given = readStoredArguments(argv, {
    html: { type: 'string' },
    svg: { type: 'string' },
    png: { type: 'string' },
    title: { type: 'string' },
    compare: { type: 'boolean' },
  });
  if (given.help) {
    await print(reportUsage);
    return 0;
  }
  const wanted = outputsOf(given);
  const documents = await documentsOf(given);
  if (wanted.html !== null) await writePage(wanted.html, documents, given.value('title'));
  const { svg, png } = wanted;
  if (svg !== null || png !== null) await writePlots(documents, { svg, png });
  return 0;
}

type Outputs = Readonly<{ html: string | null; svg: string | null; png: string | null }>;

/** Said before anything is read: a mistake in them costs nothing. */
function outputsOf({ value, words }: StoredArguments): Outputs {
  const usage = 'write kmem-run report RESULT… --html FILE; kmem-run history lists what is kept';
  if (words.length === 0) throw new SetupError('missing-argument', 'report: of which results?', usage);
  const [html, svg, png] = [value('html'), value('svg'), value('png')];
  if (html === null && svg === null && png === null)
    throw new SetupError('missing-option', 'report: nothing is to be written', usage);
  const folder = (name: string | null): string | null => (name === null ? null : resolve(name));
  return {
    html: html === null || html === '-' ? html : outputFile(html, { name: '--html' }),
    svg: folder(svg),
    png: folder(png),
  };
}

async function documentsOf({ words, store, isOn }: StoredArguments): Promise<ReportDocument[]> {
  if (!isOn('compare')) return readDocuments(words, store);
  const [a, b, ...more] = words;
  if (a === undefined || b === undefined || more.length > 0) {
    const reason = `--compare takes two results, and ${words.length === 1 ? 'one is' : `${words.length} are`} given`;
    throw new SetupError('bad-option', reason, 'give two; several runs of one side have commas between: 31a4,60c7');
  }
  return [await readSides(a, b, store)];
}

async function writePage(file: string, documents: readonly ReportDocument[], title: string | null): Promise<void> {
  const { reportPage } = await import('../report/html/page.ts');
  const script = pageScript(packageRoot(import.meta.dirname));
  const madeAt = new Date().toISOString();
  const page = reportPage(documents, { script, title, version, madeAt });
  if (file === '-') await print(page);
  else await writeReport(file, page);
}
