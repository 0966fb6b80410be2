import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import test from 'ava';

/** The order in which data flows; a folder imports only from itself and from what stands left of it. */
const layers = ['spec', 'cgroup', 'gate', 'vm', 'launch', 'observe', 'result', 'store', 'report'];
/** These put the layers together: they may import any layer and each other, and no layer imports them. */
const composers = [
  'run.ts',
  'vm-run.ts',
  'course.ts',
  'steps',
  'scenario',
  'experiment',
  'doctor',
  'fidelity',
  'library',
  'serve',
  'commands',
];
/** Nothing imports the outermost. */
const outermost = ['cli.ts', 'guest.ts', 'index.ts'];
const forAll = 'errors.ts';

const rank = (part: string): number => {
  const order = layers.indexOf(part);
  if (part === forAll || order !== -1) {
    return order;
  }

  return composers.includes(part) ? layers.length : outermost.includes(part) ? layers.length + 1 : Number.NaN;
};

const specifiers = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)(['"])(\.{1,2}\/[^'"]+)\1/g;

/** `sources` maps paths below src/ to their text. */
const violations = (sources: ReadonlyMap<string, string>): string[] => {
  const found: string[] = [];
  for (const [file, text] of sources) {
    const from = file.split('/')[0] ?? '';
    if (Number.isNaN(rank(from))) {
      found.push(`${file}: ${from} has no place in the order`);
    }

    for (const [, , specifier = ''] of text.matchAll(specifiers)) {
      const target = posix.join(posix.dirname(file), specifier);
      const to = target.split('/')[0] ?? '';
      const isLeftwards = rank(to) < rank(from) || (rank(to) === rank(from) && rank(to) <= layers.length);
      if (to !== '..' && to !== from && !isLeftwards) {
        found.push(`${file} imports ${target}`);
      }
    }
  }

  return found;
};

test('imports in src go leftwards only', (t) => {
  const src = join(import.meta.dirname, '..', 'src');
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  t.true(files.includes('errors.ts'));
  t.deepEqual(violations(new Map(files.map((file) => [file, readFileSync(join(src, file), 'utf8')]))), []);
});

const seen = (file: string, text: string) => violations(new Map([[file, text]]));

test('an import to the right is seen in every form', (t) => {
  t.deepEqual(seen('cgroup/a.ts', "import { x } from '../report/b.ts';"), ['cgroup/a.ts imports report/b.ts']);
  t.deepEqual(seen('spec/a.ts', "import type {\n  X,\n} from '../gate/b.ts';"), ['spec/a.ts imports gate/b.ts']);
  t.deepEqual(seen('launch/a.ts', "const x = await import('../run.ts');"), ['launch/a.ts imports run.ts']);
  t.deepEqual(seen('gate/a.ts', "export * from '../observe/b.ts';"), ['gate/a.ts imports observe/b.ts']);
  t.deepEqual(seen('spec/a.ts', "import '../vm/b.ts';"), ['spec/a.ts imports vm/b.ts']);
  t.deepEqual(seen('errors.ts', "import { x } from './spec/b.ts';"), ['errors.ts imports spec/b.ts']);
  t.deepEqual(seen('commands/a.ts', "import '../cli.ts';"), ['commands/a.ts imports cli.ts']);
  t.deepEqual(seen('misc/a.ts', ''), ['misc/a.ts: misc has no place in the order']);
});

test('an import to the left, within a folder, or between composers is allowed', (t) => {
  t.deepEqual(
    seen('report/a.ts', "import '../spec/b.ts'; import './c.ts'; import { SetupError } from '../errors.ts';"),
    [],
  );
  t.deepEqual(seen('run.ts', "import './report/b.ts'; import './doctor/c.ts';"), []);
  t.deepEqual(seen('cli.ts', "import './commands/b.ts';"), []);
  t.deepEqual(seen('gate/helper.ts', "import '../../bin/compile-native.js'; import 'execa';"), []);
});
