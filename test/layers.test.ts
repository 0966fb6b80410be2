import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import test from 'ava';

/**
 * One total order, bottom up: a folder imports only from those before it. Folders on the same level do not import each
 * other.
 */
const ORDER: readonly (readonly string[])[] = [
  ['errors.ts'],
  ['version.ts'],
  ['text'],
  ['host'],
  ['request'],
  ['cgroup', 'gate', 'kernels'],
  ['vm'],
  ['result'],
  ['run'],
  ['statistics'],
  ['store'],
  ['experiment', 'doctor'],
  ['scenario'],
  ['report'],
  ['library', 'serve'],
  ['manual'],
  ['commands'],
  ['cli.ts', 'guest.ts', 'index.ts'],
];

/** Those that show reports: all others return data. */
const SHOW_REPORTS = ['report', 'library', 'serve', 'manual', 'commands', 'cli.ts', 'index.ts'];

function rank(part: string): number {
  return ORDER.findIndex((parts) => parts.includes(part));
}

const specifiers = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)(['"])(\.{1,2}\/[^'"]+)\1/g;

function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(specifiers)].map(([, , specifier = '']) => posix.join(posix.dirname(file), specifier));
}

/** `sources` maps paths below src/ to their text. */
function violations(sources: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [file, text] of sources) {
    const from = file.split('/')[0] ?? '';
    if (rank(from) === -1) found.push(`${file}: ${from} has no place in the order`);
    for (const target of importsOf(file, text)) {
      const to = target.split('/')[0] ?? '';
      if (to !== '..' && to !== from && !(rank(to) < rank(from))) found.push(`${file} imports ${target}`);
      else if (to === 'report' && !SHOW_REPORTS.includes(from)) found.push(`${file} imports ${target}`);
    }
  }
  return found;
}

/** Files that import each other, directly or indirectly. */
function cycles(sources: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at !== -1) {
      found.push([...path.slice(at), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const target of importsOf(file, sources.get(file) ?? '')) {
      if (sources.has(target)) visit(target, [...path, file]);
    }
    done.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return found;
}

const src = join(import.meta.dirname, '..', 'src');
const real = new Map(
  readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file, readFileSync(join(src, file), 'utf8')]),
);

test('imports in src go one way only', (t) => {
  t.true(real.has('errors.ts'));
  t.deepEqual(violations(real), []);
});

test('no file imports itself through others', (t) => {
  t.deepEqual(cycles(real), []);
});

function seen(file: string, text: string) {
  return violations(new Map([[file, text]]));
}

test('an import to the right is detected in every form', (t) => {
  t.deepEqual(seen('cgroup/a.ts', "import { x } from '../report/b.ts';"), ['cgroup/a.ts imports report/b.ts']);
  t.deepEqual(seen('request/a.ts', "import type {\n  X,\n} from '../gate/b.ts';"), ['request/a.ts imports gate/b.ts']);
  t.deepEqual(seen('run/a.ts', "const x = await import('../store/b.ts');"), ['run/a.ts imports store/b.ts']);
  t.deepEqual(seen('gate/a.ts', "export * from '../vm/b.ts';"), ['gate/a.ts imports vm/b.ts']);
  t.deepEqual(seen('errors.ts', "import { x } from './text/b.ts';"), ['errors.ts imports text/b.ts']);
  t.deepEqual(seen('commands/a.ts', "import '../cli.ts';"), ['commands/a.ts imports cli.ts']);
  t.deepEqual(seen('misc/a.ts', ''), ['misc/a.ts: misc has no place in the order']);
});

test('folders of the same layer do not import each other', (t) => {
  t.deepEqual(seen('gate/a.ts', "import '../cgroup/b.ts';"), ['gate/a.ts imports cgroup/b.ts']);
  t.deepEqual(seen('doctor/a.ts', "import '../experiment/b.ts';"), ['doctor/a.ts imports experiment/b.ts']);
});

test('an import to the left or within a folder is allowed', (t) => {
  t.deepEqual(seen('report/a.ts', "import '../request/b.ts'; import './c.ts'; import { x } from '../errors.ts';"), []);
  t.deepEqual(seen('cli.ts', "import './commands/b.ts';"), []);
  t.deepEqual(seen('gate/helper.ts', "import '../../bin/compile-native.js'; import 'execa';"), []);
});

test('a cycle is detected within a folder and across folders', (t) => {
  const sources = new Map([
    ['a/x.ts', "import './y.ts';"],
    ['a/y.ts', "import type { Z } from '../b/z.ts';"],
    ['b/z.ts', "import '../a/x.ts';"],
    ['b/w.ts', "import './z.ts';"],
  ]);
  t.deepEqual(cycles(sources), ['a/x.ts → a/y.ts → b/z.ts → a/x.ts']);
});

/** The top-level entries: the source and what accompanies it. Names that begin with a dot are ignored. */
const TOP = [
  ...['package.json', 'tsconfig.json', 'src', 'scenarios', 'test', 'bin'],
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE', 'action.yml'],
  ...['package-lock.json', 'biome.json', 'docs', 'man', 'bench'],
];

test('no unknown names at the top level', (t) => {
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: join(src, '..'), encoding: 'utf8' }).split('\0');
  const top = new Set(tracked.filter((file) => file !== '').map((file) => file.split('/')[0] ?? ''));
  t.deepEqual(
    [...top].filter((name) => !name.startsWith('.') && !TOP.includes(name)),
    [],
  );
});

const root = join(src, '..');

/** Maximum lines of a source file in TypeScript, JavaScript and C, tests included. */
const MOST_LINES = 350;

test(`no source file has more than ${MOST_LINES} lines`, (t) => {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((file) => /\.(ts|js|c|h)$/.test(file) && existsSync(join(root, file)));
  t.true(files.length > 500, `${files.length} files`);
  const long = files.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length - 1 > MOST_LINES);
  t.deepEqual(long, []);
});
