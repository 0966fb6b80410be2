/**
 * Every path that the pages for maintainers name exists.
 *
 * A word in backticks is a path if it contains a slash (`src/run/index.ts`, `src/run/`, `.ci/run`), or if it is a file
 * name: it ends in an extension of this project (`package.json`, `quiet.ts`) or starts with a dot (`.clang-format`). A
 * word that contains a blank, colon, brace or parenthesis is not a path, nor is one that starts with a slash, ~ or $.
 *
 * A path starts at the root. If its paragraph, list item or table row has named a folder before it (`src/run/`, with
 * the slash), it may start there as well. A path that ends in a slash must be a folder. NAME means any name: only the
 * part before it must exist. The target of a link is a path unless it is an address.
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '..', '..');
/** Not CHANGELOG.md, whose old entries may name removed files. */
const PAGES = ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'];

const WITH_SLASH = /^[\w.-]+(?:\/[\w.@-]+)*\/[\w.@-]*$/;
const FILE_NAME = /^(?:[\w-][\w.-]*\.(?:ts|js|json|c|h|md|yaml|sh)|\.[a-z][\w-]{2,})$/;
const ANY_NAME = 'NAME';

type Named = Readonly<{
  path: string;
  /** Folders that may contain it; empty for the root. */
  within: readonly string[];
}>;

/** Paragraphs, list items and table rows, without code blocks. */
function blocksOf(page: string): string[] {
  const text = page.replaceAll(/^```.*?^```$/gms, '');
  return text.split(/\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\.)\s)/);
}

function isPath(word: string): boolean {
  return WITH_SLASH.test(word) || FILE_NAME.test(word);
}

function pathsIn(page: string): Named[] {
  return blocksOf(page).flatMap((block) => {
    let folder: string | null = null;
    const named: Named[] = [];
    for (const [, word = ''] of block.matchAll(/`([^`]+)`/g)) {
      if (!isPath(word)) continue;
      named.push({ path: word, within: folder === null ? [''] : ['', folder] });
      if (word.endsWith('/')) folder = word;
    }
    const links = [...block.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    return [
      ...named,
      ...links.filter((target) => !target.includes(':')).map((path): Named => ({ path, within: [''] })),
    ];
  });
}

function exists({ path, within }: Named, top: string): boolean {
  return within.some((folder) => {
    const [known = ''] = `${folder}${path}`.split(ANY_NAME);
    const place = join(top, known);
    return existsSync(place) && (!known.endsWith('/') || statSync(place).isDirectory());
  });
}

/** The paths that do not exist. */
function missingIn(page: string, top: string): string[] {
  return pathsIn(page)
    .filter((named) => !exists(named, top))
    .map(({ path }) => path);
}

for (const page of PAGES) {
  test(`${page}: every path exists`, (t) => {
    t.deepEqual(missingIn(readFileSync(join(root, page), 'utf8'), root), []);
  });
}

test('paths are recognised in the pages', (t) => {
  const count = (page: string) => pathsIn(readFileSync(join(root, page), 'utf8')).length;
  t.true(count('ARCHITECTURE.md') > 150, `${count('ARCHITECTURE.md')} paths in ARCHITECTURE.md`);
  t.true(count('CONTRIBUTING.md') > 20, `${count('CONTRIBUTING.md')} paths in CONTRIBUTING.md`);
});

function found(text: string): string[] {
  return pathsIn(text).map(({ path }) => path);
}

test('only file paths count', (t) => {
  t.deepEqual(
    found('`src/run/index.ts` and `test/tiers/tiers.ts`, `bench/`, `.ci/run`, `.clang-format`, `biome.json`'),
    ['src/run/index.ts', 'test/tiers/tiers.ts', 'bench/', '.ci/run', '.clang-format', 'biome.json'],
  );
  t.deepEqual(
    found('[a page](docs/reference/gate.md#anchor), [an address](https://example.org/a.md), [here](#below)'),
    ['docs/reference/gate.md'],
  );
  const others = [
    ...['`npm test`', '`over_limit()`', '`0.1/17:mmap`', '`/proc/PID/stat`', '`~/.cache`', '`${dir}`', '`exit.code`'],
    ...['`--wait`', '`memory.stat`', '`@throws`', '`kmem-helper`', 'src/no-backticks.ts', '`steps[2].exit`'],
  ];
  t.deepEqual(found(others.join(' ')), []);
  t.deepEqual(found('```\n`src/in-code.ts`\n```\n'), []);
});

test('a wrong path is reported in each form', (t) => {
  const missing = (text: string): string[] => missingIn(text, root);
  t.deepEqual(missing('`src/run/index.ts`, `src/run/`, `package.json`, [a](docs/reference/gate.md)'), []);
  t.deepEqual(missing('`src/run/indx.ts`'), ['src/run/indx.ts']);
  t.deepEqual(missing('`sources/run/index.ts`'), ['sources/run/index.ts']);
  t.deepEqual(missing('`src/course/`'), ['src/course/']);
  t.deepEqual(missing('`src/cli.ts/`'), ['src/cli.ts/']);
  t.deepEqual(missing('`packages.json`'), ['packages.json']);
  t.deepEqual(missing('[a](docs/gates.md)'), ['docs/gates.md']);
  t.deepEqual(missing('| a | `src/run/indx.ts` |\n| b | `src/run/index.ts` |'), ['src/run/indx.ts']);
});

test('a folder applies only to its own list item', (t) => {
  const missing = (text: string): string[] => missingIn(text, root);
  t.deepEqual(missing('- `src/run/`: `index.ts`,\n  `steps/index.ts`'), []);
  t.deepEqual(missing('- `src/run/`: `indx.ts`'), ['indx.ts']);
  t.deepEqual(missing('- `src/run/`: `index.ts`\n- `quiet.ts`'), ['quiet.ts']);
  t.deepEqual(missing('`src/run/index.ts` and `quiet.ts`'), ['quiet.ts']);
  t.deepEqual(missing('`src/commands/NAME.ts`, `src/experiment/NAME/` with `plan.ts`'), []);
  t.deepEqual(missing('`src/command/NAME.ts`'), ['src/command/NAME.ts']);
});
