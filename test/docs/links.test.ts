/** Every relative link in the pages leads to a file, and its anchor to a heading of that page, as GitHub names them. */

import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '..', '..');
const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).map((page) => join(root, page));

function withoutCode(page: string): string {
  return page.replaceAll(/^```.*?^```$/gms, '').replaceAll(/^ {4}.*$/gm, '');
}

function anchorsOf(page: string): string[] {
  return [...withoutCode(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The links of a page that lead nowhere. */
function brokenIn(text: string, place: string): string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const file = join(dirname(place), path);
    if (path !== '' && !existsSync(file)) return true;
    return anchor !== undefined && !anchorsOf(path === '' ? text : readFileSync(file, 'utf8')).includes(anchor);
  });
}

for (const page of pages) {
  test(`${relative(root, page)}: every link resolves`, (t) => {
    t.deepEqual(brokenIn(readFileSync(page, 'utf8'), page), []);
  });
}

test('a broken link is reported in each form', (t) => {
  const broken = (text: string): string[] => brokenIn(text, join(root, 'docs', 'page.md'));
  t.deepEqual(broken('[a](README.md) [b](../package.json) [c](https://example.org/a.md#b)'), []);
  t.deepEqual(broken('# A `--b`, c\n[a](#a---b-c) [b](#d)'), ['#d']);
  t.deepEqual(broken('[a](absent.md) [b](reference/gate.md#absent)'), ['absent.md', 'reference/gate.md#absent']);
  t.deepEqual(broken('```\n[a](absent.md)\n```\n'), []);
});
