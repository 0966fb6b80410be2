/** Text of any origin as Markdown. */

import { cut } from '../../text/visible.ts';

const meaningful = /[&<>"'`|*_~[\]\\$!#:@{}^=]|www(?=\.)/gi;

export function escaped(text: string): string {
  return text.replace(meaningful, (found) =>
    found.length > 1 ? `${reference(found)}${found.slice(1)}` : reference(found),
  );
}

/** On one line: a line end in it is shown as `\n`. */
export function code(text: string, max = 100): string {
  const shown = cut(text, max);
  return shown === '' ? '' : `<code>${escaped(shown)}</code>`;
}

const LONGEST_PRE = 12_000;

/**
 * Text of several lines, already made visible; what is too long for a comment is left out. Only tags and references
 * have a meaning in it.
 */
export function pre(text: string): string {
  const whole = text.trimEnd();
  const shown =
    whole.length > LONGEST_PRE
      ? `${whole.slice(0, LONGEST_PRE)}\n… and more: kmem-run report --html shows all of it`
      : whole;
  return `<pre>${shown.replace(/[&<>]/g, reference)}</pre>`;
}

export function table(
  head: readonly string[],
  alignment: readonly ('left' | 'right')[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(alignment.map((side) => (side === 'left' ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** An e-mail address is detected even in decoded references; the comment splits it. */
function reference(character: string): string {
  return `&#${character.codePointAt(0)};${character === '@' ? '<!---->' : ''}`;
}
