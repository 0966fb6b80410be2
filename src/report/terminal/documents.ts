import type { FidelityReport } from '../../experiment/fidelity/report.ts';
import { modeText } from '../../experiment/fidelity/table.ts';
import type { ReportDocument } from '../../scenario/documents.ts';
import { counted, shortSize } from '../../text/figures.ts';
import type { PlotStyle } from '../../text/layout.ts';
import { shellLine } from '../../text/quote.ts';
import { cut } from '../../text/visible.ts';
import { prettyScenario, prettySum } from '../scenarios/pretty.ts';
import { bisectText } from './bisect.ts';
import { compareText } from './compare.ts';
import { exploreText } from './explore.ts';
import { textReport } from './run.ts';
import { sweepText } from './sweep.ts';

export function documentText(document: ReportDocument, style: PlotStyle & Readonly<{ verbose?: boolean }>): string {
  switch (document.kind) {
    case 'run':
      return textReport(document.result, { verbose: false, ...style });
    case 'compare':
      return compareText(document.a, document.b, document.comparison, style);
    case 'scenarios': {
      const { report } = document;
      return report.scenarios.map((scenario) => prettyScenario(scenario, style)).join('') + prettySum(report, style);
    }
    case 'experiment':
      return experimentText(document.report, style);
  }
}

function experimentText(report: Extract<ReportDocument, { kind: 'experiment' }>['report'], style: PlotStyle): string {
  switch (report.kind) {
    case 'sweep':
      return sweepText(report, style);
    case 'bisect':
      return bisectText(report, style);
    case 'explore':
      return exploreText(report, style);
    case 'fidelity':
      return fidelityText(report);
  }
}

/** Its table is printed while it is measured; for a saved report, this is the sum. */
function fidelityText({ kernel, same, rows, command, found, failsAnyway }: FidelityReport): string {
  const what =
    command === null ? `${counted(rows?.length ?? 0, 'kind')} of kernel objects` : cut(shellLine(command), 60);
  const limits = found.map(
    ({ kernel: version, mode, limit }) =>
      `  ${cut(version, 40)} ${cut(mode, 40)}  ${limit === null ? 'no limit' : `passes at ${shortSize(limit)}`}\n`,
  );
  const differing = (rows ?? []).filter(({ verdict }) => verdict !== 'same');
  return [
    `kmem-run: fidelity on ${cut(kernel, 40)}: ${what}: ${same ? 'the same' : 'not the same'}\n`,
    ...(failsAnyway === null ? [] : [`  ${cut(failsAnyway, 200)}\n`]),
    ...limits,
    ...differing.map(
      ({ row, verdict, reasons, ...mode }) =>
        `  ${cut(row.name, 40)}, ${cut(modeText(mode), 40)} on ${cut(mode.kernel, 40)}: ${cut(verdict, 40)}${reasons.map((reason) => `; ${cut(reason, 200)}`).join('')}\n`,
    ),
  ].join('');
}
