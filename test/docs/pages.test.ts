/** Checks of the pages apart from their links: widths, the map that lists them, and the messages that they quote. */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '..', '..');
const COLUMNS = 100;
/** The pages whose prose keeps to COLUMNS. */
const NARROW = /^README\.md$|^docs\//;

const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: root });
const sources = globSync(['src/**/*.ts', 'bin/*.js'], { cwd: root }).map(read);

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Lines of prose that are too wide. Code, tables, comments and lines that are one link are exempt. */
function wideLines(page: string): string[] {
  return page
    .replaceAll(/^```.*?^```$/gms, '')
    .split('\n')
    .filter((line) => line.length > COLUMNS && !/^(?: {4}|\||<!--)/.test(line))
    .filter((line) => !/^\s*(?:[-*] )?!?\[[^\]]*\]\([^)]*\)[.,:]?$/.test(line));
}

for (const file of pages.filter((each) => NARROW.test(each))) {
  test(`${file}: prose has at most ${COLUMNS} columns`, (t) => {
    t.deepEqual(wideLines(read(file)), []);
  });
}

test('a wide line is found', (t) => {
  const wide = 'word '.repeat(21);
  t.deepEqual(wideLines(`${wide}\n| ${wide} |\n    ${wide}\n- [${wide}](README.md)\n\`\`\`\n${wide}\n\`\`\`\n`), [
    wide,
  ]);
});

test('docs/README.md links to every page of docs', (t) => {
  const linked = [...read('docs/README.md').matchAll(/\]\(([^)#]+)/g)].map(([, path = '']) => join('docs', path));
  t.deepEqual(
    pages.filter((file) => file.startsWith('docs/') && file !== 'docs/README.md' && !linked.includes(file)),
    [],
  );
});

/** Words in capitals are placeholders in a message, as in `cannot create a control group in DIR (EACCES)`. */
function isPrinted(message: string): boolean {
  const parts = message.split(/\(?\b(?:[A-Z]+|v?N)\b\)?/).map((part) => part.trim());
  return parts.filter((part) => part.length >= 6).every((part) => sources.some((text) => text.includes(part)));
}

test('every message in docs/troubleshooting.md is one that kmem-run prints', (t) => {
  const rows = [...read('docs/troubleshooting.md').matchAll(/^\| `([^`$]+)` \|/gm)].map(([, message = '']) => message);
  t.true(rows.length > 20, `${rows.length} messages`);
  t.deepEqual(
    rows.filter((message) => !isPrinted(message)),
    [],
  );
  t.false(isPrinted('cannot mend a control group in DIR'));
});
