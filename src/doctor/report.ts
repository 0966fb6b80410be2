import { counted } from '../text/figures.ts';
import { type Line, layOut, painter, type Style, type Tone } from '../text/layout.ts';
import { visible } from '../text/visible.ts';
import { version } from '../version.ts';
import { allThere, type Diagnosis } from './check.ts';
import { checks } from './checks.ts';

const marks = { ok: '✓', note: '·', warning: '!', missing: '✗', 'not-tried': '-' } as const;
const tones: Readonly<Record<Diagnosis['level'], Tone>> = {
  ok: 'plain',
  note: 'dim',
  warning: 'warn',
  missing: 'bad',
  'not-tried': 'dim',
};

const labelWidth = 2 + Math.max(...checks.map(({ name }) => name.length));

/** One line, and another for the remedy; each may be wrapped. */
export function diagnosisText({ name, level, found, remedy }: Diagnosis, style: Style): string {
  const what: Line = { text: visible(found), tone: tones[level] };
  const lines = remedy === null ? [what] : [what, `remedy: ${visible(remedy)}`];
  return linesOf(layOut([{ label: `${marks[level]} ${name}`, lines }], labelWidth, style));
}

/** The verdict. */
export function verdictText(diagnoses: readonly Diagnosis[], { color }: Pick<Style, 'color'>): string {
  const count = (level: Diagnosis['level']) => diagnoses.filter((diagnosis) => diagnosis.level === level).length;
  const paint = painter(color);
  const warnings = count('warning') === 0 ? '' : `, with ${counted(count('warning'), 'warning')}`;
  const verdict = allThere(diagnoses)
    ? paint('good', `a gated run works here${warnings}`)
    : paint('bad', `a gated run does not work here: ${counted(count('missing'), 'thing')} missing${warnings}`);
  return linesOf([paint('strong', 'kmem-run: ') + verdict]);
}

/** `level` is ok, note, warning, missing or not-tried; `remedy` is null except for warning and missing. */
export function diagnosesJson(diagnoses: readonly Diagnosis[]): string {
  const shown = diagnoses.map(({ found, remedy, ...rest }) => ({
    ...rest,
    found: visible(found),
    remedy: remedy === null ? null : visible(remedy),
  }));
  return linesOf([JSON.stringify({ works: allThere(diagnoses), kmemRun: version, checks: shown }, null, 2)]);
}

function linesOf(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
