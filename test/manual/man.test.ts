import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readManual } from '../../src/commands/index.ts';
import { manPages } from '../../src/manual/man.ts';
import type { CommandPage } from '../../src/manual/page.ts';
import { version } from '../../src/version.ts';
import { needs } from '../needs.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'man');
const made = manPages(await readManual(), version);

function has(program: string) {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

test('the man pages match the output of bin/make-docs.js', (t) => {
  t.deepEqual(readdirSync(folder).toSorted(), made.map(({ file }) => file).toSorted());
  for (const { file, text } of made) t.is(readFileSync(join(folder, file), 'utf8'), text, 'npx node bin/make-docs.js');
});

test('every command has a man page, and package.json lists it', async (t) => {
  const names = (await readManual()).map(({ name }) => (name === 'run' ? 'kmem-run.1' : `kmem-run-${name}.1`));
  t.deepEqual(
    made.map(({ file }) => file),
    names,
  );
  const { man, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  t.deepEqual(man, names.map((name) => `man/${name}`).toSorted());
  t.true(files.includes('man'));
});

test('every option, action and exit status that --help lists is in the page of its command', async (t) => {
  for (const [index, { options, actions = {}, status }] of (await readManual()).entries()) {
    const { text = '' } = made[index] ?? {};
    for (const { name } of options) t.true(text.includes(`\\-\\-${name.replaceAll('-', '\\-')}\\fR`), name);
    for (const name of Object.keys(actions)) t.true(text.includes(`\\fB${name}\\fR`), name);
    for (const [number] of status) t.true(text.includes(`\\fB${number.replaceAll('-', '\\-')}\\fR`), number);
  }
});

test('man and groff format them without a warning', (t) => {
  if (!needs(t, has('man') && has('groff'), 'man, groff')) return;
  for (const { file } of made) {
    const env = { ...process.env, MANWIDTH: '80', MANPAGER: 'cat', LC_ALL: 'C' };
    const page = spawnSync('man', ['--warnings=w', '-l', join(folder, file)], { encoding: 'utf8', env });
    t.deepEqual([page.status, page.stderr], [0, ''], file);
    if (file !== 'kmem-run.1') continue;
    t.regex(page.stdout, /^ {7}--kmem SIZE\n {14}limit kernel memory, for example to 900K or 1M$/m);
    t.regex(page.stdout, /kmem-run \[run\] \[options\] -- command \[args\.\.\.\]/);
  }
});

test('mandoc reports no problems', (t) => {
  if (!needs(t, has('mandoc'), 'mandoc')) return;
  const files = made.map(({ file }) => join(folder, file));
  const { stdout } = spawnSync('mandoc', ['-Tlint', '-W', 'warning', ...files], { encoding: 'utf8' });
  // They have no date: it would add nothing to the version.
  t.deepEqual(
    stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date')),
    [],
  );
});

test('roff control characters are escaped', (t) => {
  const page: CommandPage = {
    ...{ name: 'run', about: 'it runs', group: 'Run:', synopsis: ['kmem-run -- command'] },
    ...{ text: ["'a' \\n", '.b'], options: [], status: [] },
  };
  const [{ text } = { text: '' }] = manPages([page], '1.2.3');
  t.true(text.includes('\n\\(aqa\\(aq \\en\n.PP\n\\&.b\n'));
  t.true(text.includes('"kmem\\-run 1.2.3"'));
});
