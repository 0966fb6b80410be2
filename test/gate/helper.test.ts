import { execFile, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { canActAsOthers, where } from '../needs.ts';

const root = join(import.meta.dirname, '..', '..');
const SOURCE = '#include <stdio.h>\nint main(void)\n{\n    return puts("helper") < 0;\n}\n';
const ask = `
  const { helperPath } = await import('./src/gate/helper.ts');
  try { console.log(helperPath()); } catch (error) { console.log(JSON.stringify({ ...error, message: error.message })); }`;

/** A package like ours without dist/, whose helper is a five-line program, and an empty cache folder. */
function makePackage(t: ExecutionContext, text = SOURCE) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-helper-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['gate', 'native/helper', 'native/common'])
    mkdirSync(join(folder, 'src', name), { recursive: true });
  const files = [
    'package.json',
    'bin',
    'src/errors.ts',
    ...['gate/helper', 'gate/find-helper', 'host/programs', 'host/package-folder', 'host/execa', 'text/bytes'].map(
      (name) => `src/${name}.ts`,
    ),
  ];
  for (const file of files) {
    cpSync(join(root, file), join(folder, file), { recursive: true });
  }

  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'src/native/helper/main.c'), text);
  const cache = join(folder, 'cache');
  return { folder, cache, kept: join(cache, 'kmem-run'), env: { ...process.env, XDG_CACHE_HOME: cache, HOME: folder } };
}

const nodeArgs = ['--input-type=module', '-e', ask];

function helperOf({ folder, env }: { folder: string; env: NodeJS.ProcessEnv }) {
  const { stdout, stderr } = spawnSync(process.execPath, nodeArgs, { cwd: folder, env, encoding: 'utf8' });
  return stdout.trim() || stderr;
}

test('dist/kmem-helper is used if it is executable', (t) => {
  const made = makePackage(t);
  const built = join(made.folder, 'dist', 'kmem-helper');
  mkdirSync(join(made.folder, 'dist'));
  writeFileSync(built, '', { mode: 0o755 });
  t.is(helperOf(made), built);
});

test('a missing helper is built once into a private cache folder', (t) => {
  const made = makePackage(t);
  const path = helperOf(made);
  t.regex(path, new RegExp(`^${made.kept}/kmem-helper-[0-9a-f]{16}-${process.arch}$`));
  t.is(spawnSync(path, { encoding: 'utf8' }).stdout, 'helper\n');
  t.is(statSync(made.kept).mode & 0o777, 0o700);

  const { mtimeNs, ino } = statSync(path, { bigint: true });
  t.is(helperOf(made), path);
  t.deepEqual({ mtimeNs, ino }, (({ mtimeNs, ino }) => ({ mtimeNs, ino }))(statSync(path, { bigint: true })));
  t.is(readdirSync(made.kept).length, 1);
});

test('a changed source gets its own helper', (t) => {
  const made = makePackage(t);
  const before = helperOf(made);
  writeFileSync(join(made.folder, 'src/native/helper/main.c'), SOURCE.replace('"helper"', '"other"'));
  const after = helperOf(made);
  t.not(after, before);
  t.is(spawnSync(after, { encoding: 'utf8' }).stdout, 'other\n');
});

test('concurrent builds all yield a complete helper', async (t) => {
  const made = makePackage(t);
  const runs = Array.from({ length: 4 }, () =>
    promisify(execFile)(process.execPath, nodeArgs, { cwd: made.folder, env: made.env }),
  );
  const paths = (await Promise.all(runs)).map(({ stdout }) => stdout.trim());
  t.is(new Set(paths).size, 1);
  t.is(spawnSync(paths[0] ?? '', { encoding: 'utf8' }).stdout, 'helper\n');
  t.is(readdirSync(made.kept).length, 1);
});

test('a helper that others can write to is rebuilt', (t) => {
  const made = makePackage(t);
  const path = helperOf(made);
  writeFileSync(path, '#!/bin/sh\necho planted\n');
  chmodSync(path, 0o777);
  t.is(helperOf(made), path);
  t.is(spawnSync(path, { encoding: 'utf8' }).stdout, 'helper\n');
});

test('without a compiler, the error names the Debian packages', (t) => {
  const made = makePackage(t);
  const error = JSON.parse(helperOf({ ...made, env: { ...made.env, PATH: made.folder } }));
  t.is(error.code, 'no-compiler');
  t.regex(error.hint, /apt-get install gcc libc6-dev/);
  t.deepEqual(readdirSync(made.kept), []);
});

test('the error includes the compiler’s output', (t) => {
  const error = JSON.parse(helperOf(makePackage(t, 'int main(void)\n{\n    return undeclared_thing;\n}\n')));
  t.is(error.code, 'compile-failed');
  t.regex(error.message, /undeclared_thing/);

  const headless = JSON.parse(helperOf(makePackage(t, '#include <no-such-header.h>\n')));
  t.is(headless.code, 'compile-failed');
  t.regex(headless.message, /no-such-header\.h/);
  t.regex(headless.hint, /libc6-dev/);
});

test('a warning from a newer compiler does not fail the build', (t) => {
  const path = helperOf(makePackage(t, 'int main(void)\n{\n    int unused;\n    return 0;\n}\n'));
  t.is(spawnSync(path).status, 0);
});

// root can always fall back on /root/.cache, so the caller has to be another user.
const NOBODY = 65534;
const asNobody = `
  const { helperPath } = await import('./src/gate/helper.ts');
  process.setegid(${NOBODY});
  process.seteuid(${NOBODY});
  try { console.log(helperPath()); } catch (error) { console.log(JSON.stringify({ ...error, message: error.message })); }`;

where(
  canActAsOthers,
  'root',
  test,
)('a cache folder that belongs to another user is refused', (t) => {
  const made = makePackage(t);
  chmodSync(made.folder, 0o755);
  mkdirSync(made.kept, { recursive: true });
  chownSync(made.cache, 1, 1);
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', asNobody], {
    cwd: made.folder,
    env: { ...made.env, HOME: '/nonexistent' },
    encoding: 'utf8',
  });
  t.is(stderr, '');
  const error = JSON.parse(stdout);
  t.is(error.code, 'no-cache-folder');
  t.true(error.message.includes(`${made.cache} belongs to uid 1`), error.message);
  t.regex(error.hint, /XDG_CACHE_HOME/);
});
