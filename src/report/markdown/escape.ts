/**
 * Texts of any origin in Markdown as GitHub and GitLab read it. A code span cannot hold every text (backticks, and in a
 * table the pipe), so it is a `<code>` element, in which whatever means something is a character reference: no markup, no
 * mention, no reference to an issue, no formula and no link is made of it.
 */

import { cut } from '../visible.ts';

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

/** Text of several lines, which is visible already; what is too long for a comment is left out. In it nothing but a tag or a reference means anything. */
export function pre(text: string): string {
  const whole = text.trimEnd();
  const shown =
    whole.length > LONGEST_PRE
      ? `${whole.slice(0, LONGEST_PRE)}\n… and more: kmem-run report --html has it all`
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

/** An address of mail is found in the text that references have become; the comment parts it. */
function reference(character: string): string {
  return `&#${character.codePointAt(0)};${character === '@' ? '<!---->' : ''}`;
}
