/** Parts of a hand-written page that are generated from the sources, between two HTML comments that name the part. */

/**
 * The page with the part `name` replaced by `text`; the comments stay. Throws an Error unless each comment occurs once,
 * the opening one first: otherwise the page would keep stale text.
 */
export function withGenerated(page: string, name: string, text: string): string {
  const [open, close] = [`<!-- generated: ${name}`, `<!-- end of ${name} -->`];
  const [before = '', rest, ...more] = page.split(open);
  const [head = '', after, ...evenMore] = (rest ?? '').split(close);
  if (rest === undefined || after === undefined || more.length > 0 || evenMore.length > 0) {
    throw new Error(`the page has no part "${open} … -->" … "${close}", or more than one`);
  }
  const opening = head.slice(0, head.indexOf('-->') + '-->'.length);
  return `${before}${open}${opening}\n\n${text.trim()}\n\n${close}${after}`;
}

/** A Markdown table; `|` in a cell is escaped. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return `${lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')}\n`;
}

/** At most 100 columns wide, like all prose in docs. */
export function markdownParagraph(text: string): string {
  return text.replaceAll(/(.{1,100})(?: |$)/g, '$1\n').trimEnd();
}
