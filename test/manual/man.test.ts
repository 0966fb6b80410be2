import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readManual } from '../../src/commands/index.ts';
import { manPage } from '../../src/manual/man.ts';
import { version } from '../../src/version.ts';
import { needs } from '../needs.ts';

const root = join(import.meta.dirname, '..', '..');
const file = join(root, 'man', 'kmem-run.1');
const page = readFileSync(file, 'utf8');
function has(program: string) {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

test('the man page is what bin/make-docs.js makes of the sources', async (t) => {
  t.is(page, manPage(await readManual(), version), 'run npx node bin/make-docs.js');
});

test('the package has it, and npm is told where', (t) => {
  const { man, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // A string by itself is not linked by npm install --global.
  t.deepEqual(man, ['man/kmem-run.1']);
  t.true(files.includes('man'));
});

test('every command and option that --help lists is in it', async (t) => {
  for (const { name, options } of await readManual()) {
    t.true(page.includes(`\\fB${name}\\fR`), name);
    for (const option of options) t.true(page.includes(`\\-\\-${option.name.replaceAll('-', '\\-')}`), option.name);
  }
});

test('groff sets it without a warning', (t) => {
  if (!needs(t, has('groff'), 'groff')) return;
  const { status, stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tascii', '-P-cbou', file], {
    encoding: 'utf8',
  });
  t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  t.regex(stdout, /^ {7}--kmem SIZE\n {14}kernel memory, such as 900K or 1M$/m);
  t.regex(stdout, /kmem-run \[run\] \[options\] -- command \[args\.\.\.\]/);
});

test('mandoc has nothing to say against it', (t) => {
  if (!needs(t, has('mandoc'), 'mandoc')) return;
  const { stdout } = spawnSync('mandoc', ['-Tlint', '-W', 'warning', file], { encoding: 'utf8' });
  // It has no date: it would say nothing that the version does not.
  t.deepEqual(
    stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date')),
    [],
  );
});

test('what roff would take for its own is written out', (t) => {
  const text = manPage(
    [
      {
        ...{ name: 'run', about: 'it runs', synopsis: ['kmem-run -- command'], text: ["'a' \\n\n.b"] },
        ...{ epilogue: [], options: [], words: [], runs: true },
      },
    ],
    '1.2.3',
  );
  t.true(text.includes('\n\\(aqa\\(aq \\en\n\\&.b\n'));
  t.true(text.includes('"kmem\\-run 1.2.3"'));
});
