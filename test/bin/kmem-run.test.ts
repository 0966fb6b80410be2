import { spawnSync } from 'node:child_process';
import {
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { NOBODY } from '../cgroup/sandbox.ts';
import { canActAsOthers, where } from '../needs.ts';

const asRoot = where(canActAsOthers, 'root', test);

const root = join(import.meta.dirname, '..', '..');
const OLD_NODE = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '24.11.9' } });";

/** The entry in a package whose bundle prints its arguments. */
function makePackage(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-entry-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const file of [
    'package.json',
    ...['kmem-run', 'cache-folder', 'code-cache', 'maker'].map((name) => `bin/${name}.js`),
  ]) {
    cpSync(join(root, file), join(folder, file));
  }

  mkdirSync(join(folder, 'dist'));
  writeFileSync(join(folder, 'dist', 'cli.cjs'), 'console.log(JSON.stringify(process.argv.slice(2)));\n');
  return folder;
}

function run(folder: string, args: string[] = [], { node = process.execPath, nodeArgs = [] as string[] } = {}) {
  return spawnSync(node, [...nodeArgs, join(folder, 'bin', 'kmem-run.js'), ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') },
  });
}

test('the bundle gets the arguments, and its compiled code is cached in the user’s folder', (t) => {
  const folder = makePackage(t);
  const { stdout, stderr, status } = run(folder, ['--kmem', '1M', '--', 'a', '--help']);
  t.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  t.deepEqual(JSON.parse(stdout), ['--kmem', '1M', '--', 'a', '--help']);
  t.is(readdirSync(join(folder, 'cache', 'kmem-run', 'compile-cache')).length, 1);
  t.is(statSync(join(folder, 'cache', 'kmem-run')).mode & 0o777, 0o700);
});

asRoot('code that another user may have written is not loaded', (t) => {
  const folder = makePackage(t);
  writeFileSync(join(folder, 'dist', 'cli.cjs'), '/* 0123456789abcdef */ console.log("ran");\n');
  t.is(run(folder).stdout, 'ran\n');
  const cache = join(folder, 'cache', 'kmem-run');
  const [name] = readdirSync(cache).filter((each) => each.startsWith('cli-'));
  const file = join(cache, name ?? '');
  chownSync(file, NOBODY, NOBODY);
  chownSync(join(cache, 'compile-cache'), NOBODY, NOBODY);
  const { stdout, stderr } = run(folder);
  t.deepEqual({ stdout, stderr }, { stdout: 'ran\n', stderr: '' });
  // Recreated, since it was rejected.
  t.is(statSync(file).uid, 0);
});

test('on an older Node an error is printed before anything else is loaded', (t) => {
  const folder = makePackage(t);
  writeFileSync(join(folder, 'old.cjs'), OLD_NODE);
  const older = [{ node: process.execPath, nodeArgs: ['--require', join(folder, 'old.cjs')] }];
  // Debian's own Node, if one is installed and old enough.
  const { stdout: system } = spawnSync('/usr/bin/node', ['--version'], { encoding: 'utf8' });
  if (/^v(1[4-9]|2[0-3])\./.test(system ?? '')) {
    older.push({ node: '/usr/bin/node', nodeArgs: [] });
  }

  for (const options of older) {
    const { stdout, stderr, status } = run(folder, ['--', 'true'], options);
    t.deepEqual({ stdout, status }, { stdout: '', status: 125 });
    t.regex(stderr, /^kmem-run: needs Node\.js 24\.12 or newer, and this is \d+\.\d+\.\d+ .*\nhint: .*\n$/);
  }
});

test('the required Node version is the one in package.json', (t) => {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  t.is(engines.node, '>=24.12');
});

test('without dist/ a hint is printed', (t) => {
  const folder = makePackage(t);
  rmSync(join(folder, 'dist'), { recursive: true });
  const { stdout, stderr, status } = run(folder, ['--', 'true']);
  t.deepEqual({ stdout, status }, { stdout: '', status: 125 });
  t.regex(stderr, /^kmem-run: .*dist\/cli\.cjs has not been built\nhint: run npm ci .*\n$/);
});

test('without a private folder it runs, but has no compile cache', (t) => {
  const folder = makePackage(t);
  writeFileSync(join(folder, 'cache'), 'not a folder');
  writeFileSync(join(folder, '.cache'), 'not a folder');
  const preload = join(folder, 'homeless.cjs');
  // Otherwise the home from the user database would be used, and written to.
  writeFileSync(preload, "require('os').userInfo = () => { throw 0; }; require('module').syncBuiltinESMExports();");
  const { stdout, stderr, status } = run(folder, ['x'], { nodeArgs: ['--require', preload] });
  t.deepEqual({ stdout, stderr, status }, { stdout: '["x"]\n', stderr: '', status: 0 });
});
