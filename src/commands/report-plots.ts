/** Each plot of a report as a file of its own. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import type { ReportDocument } from '../report/documents.ts';
import { writeReport } from '../report/file.ts';
import { quote } from '../spec/quote.ts';

type Folders = Readonly<{ svg: string | null; png: string | null }>;

/** Throws SetupError `nothing-to-draw`, `json-not-written`, `no-rasteriser`. */
export async function writePlots(documents: readonly ReportDocument[], { svg, png }: Folders): Promise<void> {
  const { plotPng, plotSvg, plotsOf } = await import('../report/plots/files.ts');
  const plots = documents.flatMap((document, index) => plotsOf(document, String(index + 1)));
  if (plots.length === 0) {
    throw new SetupError(
      'nothing-to-draw',
      'there is no plot of these results',
      'give --html FILE: it has their tables',
    );
  }
  for (const folder of [svg, png]) if (folder !== null) makeFolder(folder);
  for (const plot of plots) {
    const drawn = plotSvg(plot);
    if (svg !== null) await writeReport(join(svg, `${plot.id}.svg`), drawn);
    if (png !== null) await writeReport(join(png, `${plot.id}.png`), plotPng(drawn));
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const reason = `the folder ${quote(folder)} cannot be made (${errnoOf(error) ?? 'no reason is given'})`;
    throw new SetupError('json-not-written', reason, 'name a folder that can be written', { cause: error });
  }
}
