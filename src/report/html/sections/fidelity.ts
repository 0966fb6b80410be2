import type { FidelityReport } from '../../../experiment/fidelity/report.ts';
import { modeText } from '../../../experiment/fidelity/table.ts';
import { size } from '../../../text/figures.ts';
import { shellLine } from '../../../text/quote.ts';
import { badge, figures, heading, table } from '../common.ts';
import { html, type Markup, type Section } from '../markup.ts';

const ABSENT = 'not measured';

export function fidelitySection(report: FidelityReport): Section {
  const { kernel, same, reserve, rows, command } = report;
  const what = command === null ? `Linux ${kernel}` : shellLine(command);
  return {
    title: `fidelity: ${what}`,
    body: html`${heading(2, [same ? badge('fidelity: the same', 'good') : badge('fidelity: not the same', 'bad'), html` <code>${what}</code>`])}
${figures([
  ['Kernel', kernel],
  ['Reserve of the gate', size(reserve)],
  ...(rows === null
    ? [['Peak without a limit', size(report.peak)] as const]
    : [
        [
          'Rows that are the same',
          `${rows.filter(({ verdict }) => verdict === 'same').length} of ${rows.length}`,
        ] as const,
      ]),
])}
${report.failsAnyway === null ? null : html`<p class="notice warn">There is nothing to compare; without a limit: ${report.failsAnyway}</p>`}
${rows === null ? commandTable(report) : rowTables(rows)}`,
  };
}

const kinds = [
  ['charged', 'Objects that both charge'],
  ['uncharged', 'Objects that Linux 5.10 does not charge, or frees at once'],
  ['unseen', 'Objects that Linux 5.10 refuses and the gate does not see'],
] as const;

function rowTables(rows: NonNullable<FidelityReport['rows']>): Markup {
  return html`${kinds.map(([kind, caption]) =>
    rowTable(
      rows.filter(({ row }) => row.kind === kind),
      caption,
    ),
  )}`;
}

function rowTable(rows: NonNullable<FidelityReport['rows']>, caption: string): Markup {
  const [first] = rows;
  if (first === undefined) return html``;
  const limits = first.limits.map(({ limit }) => limit);
  return table({
    caption: `${caption}: how many fit before the first failure`,
    columns: [
      { title: 'object', unit: 'text' },
      { title: 'mode', unit: 'text' },
      { title: 'verdict', unit: 'text' },
      ...limits.flatMap((limit) => [
        { title: `${size(limit).replace(/ \(.*/, '')}, native`, unit: 'count' as const, whenNull: ABSENT },
        { title: 'mode', unit: 'count' as const, whenNull: ABSENT },
        { title: 'off by', unit: 'percent' as const, whenNull: ABSENT },
      ]),
      { title: 'why', unit: 'text', whenNull: '' },
    ],
    rows: rows.map(({ row, kernel, verdict, limits: at, reasons, ...mode }) => [
      row.what,
      `${modeText(mode)} on ${kernel}`,
      verdict,
      ...at.flatMap(({ native, compared, off }) => [native, compared, off]),
      [row.why, ...reasons].filter((text) => text !== '').join('; ') || null,
    ]),
  });
}

function commandTable({ found }: FidelityReport): Markup {
  return table({
    caption: 'The smallest limit under which the command passes',
    columns: [
      { title: 'kernel', unit: 'text' },
      { title: 'mode', unit: 'text' },
      { title: 'limit', unit: 'bytes', whenNull: 'fails at every limit tried' },
      { title: 'a page below', unit: 'text', whenNull: '–' },
      { title: 'runs', unit: 'count' },
    ],
    rows: found.map(({ kernel, mode, limit, below, runs }) => [kernel, mode, limit, below, runs]),
  });
}
