import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { makeFolder, readPrivateFile } from '../../bin/cache-folder.js';
import { canActAsOthers, where } from '../needs.ts';

const NOBODY = 65534;
const script = join(import.meta.dirname, '..', '..', 'bin', 'cache-folder.js');
const testAsRoot = where(canActAsOthers, 'root', test);

/** The answer for an unprivileged user with this environment: root could always fall back on root's own home. */
function find(env: NodeJS.ProcessEnv) {
  const ask = `
    import { findCacheFolder } from ${JSON.stringify(script)};
    process.setegid(${NOBODY});
    process.seteuid(${NOBODY});
    console.log(JSON.stringify(findCacheFolder()));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', ask], { env, encoding: 'utf8' });
  return stdout === '' ? { folder: null, reason: stderr } : JSON.parse(stdout);
}

/** A folder in which `nobody` has its own home. */
function makeHome(t: ExecutionContext) {
  const top = mkdtempSync(join(tmpdir(), 'kmem-run-cache-'));
  t.teardown(() => rmSync(top, { recursive: true, force: true }));
  chmodSync(top, 0o755);
  const home = join(top, 'home');
  mkdirSync(home, { mode: 0o755 });
  chownSync(home, NOBODY, NOBODY);
  return { top, home };
}

testAsRoot('the folder is private and in XDG_CACHE_HOME or ~/.cache', (t) => {
  const { home } = makeHome(t);
  const inHome = join(home, '.cache', 'kmem-run');
  t.deepEqual(find({ HOME: home }), { folder: inHome, reason: null });
  t.is(statSync(inHome).mode & 0o777, 0o700);
  t.is(statSync(inHome).uid, NOBODY);
  t.deepEqual(find({ HOME: home, XDG_CACHE_HOME: 'relative' }), { folder: inHome, reason: null });

  const xdg = join(home, 'xdg');
  t.deepEqual(find({ HOME: home, XDG_CACHE_HOME: xdg }), { folder: join(xdg, 'kmem-run'), reason: null });
});

testAsRoot('a home that the user does not own is rejected, and nothing is created in it', (t) => {
  const { top } = makeHome(t);
  const other = join(top, 'other');
  mkdirSync(other);
  chmodSync(other, 0o1777);
  chownSync(other, 1, 1);
  const { folder, reason } = find({ HOME: other });
  t.is(folder, null);
  t.is(reason, `${other} belongs to uid 1`);
  t.false(existsSync(join(other, '.cache')));
});

testAsRoot('a path with a folder that others can write to is rejected', (t) => {
  const { home } = makeHome(t);
  const cache = join(home, '.cache');
  t.truthy(find({ HOME: home }).folder);

  chmodSync(cache, 0o777);
  t.is(find({ HOME: home }).reason, `others can write ${cache}`);
  chmodSync(cache, 0o700);
  chmodSync(join(cache, 'kmem-run'), 0o1777);
  t.is(find({ HOME: home }).reason, `others can write ${join(cache, 'kmem-run')}`);
  chmodSync(join(cache, 'kmem-run'), 0o755);
  t.truthy(find({ HOME: home }).folder);

  chmodSync(home, 0o775);
  t.truthy(find({ HOME: home }).folder, 'the user’s private group may write');
  chownSync(home, NOBODY, 1);
  t.is(find({ HOME: home }).reason, `others can write ${home}`);
});

testAsRoot('a link is resolved and followed if the user owns it, and rejected otherwise', (t) => {
  const { top, home } = makeHome(t);
  const real = join(top, 'real');
  mkdirSync(real);
  chownSync(real, NOBODY, NOBODY);
  const link = join(home, '.cache');
  symlinkSync(real, link);
  lchownSync(link, NOBODY, NOBODY);
  // The folder used is the one that was checked, whatever the link points to by then.
  t.deepEqual(find({ HOME: home }), { folder: join(real, 'kmem-run'), reason: null });
  lchownSync(link, 1, 1);
  t.deepEqual(find({ HOME: home }), { folder: null, reason: `${link} belongs to uid 1` });
});

testAsRoot('a file is read only if nobody else could have written it', (t) => {
  const { top } = makeHome(t);
  const [file, link] = [join(top, 'file'), join(top, 'link')];
  writeFileSync(file, 'text', { mode: 0o600 });
  symlinkSync(file, link);
  t.is(readPrivateFile(file)?.toString(), 'text');
  t.is(readPrivateFile(link), undefined);
  chmodSync(file, 0o602);
  t.is(readPrivateFile(file), undefined);
  chmodSync(file, 0o600);
  chownSync(file, NOBODY, NOBODY);
  t.is(readPrivateFile(file), undefined);
});

testAsRoot('a link planted in a shared folder is rejected, as is a file', (t) => {
  const { top, home } = makeHome(t);
  const shared = join(top, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  symlinkSync(join(home, 'elsewhere'), join(shared, 'kmem-run'));
  t.is(find({ HOME: '/nonexistent', XDG_CACHE_HOME: shared }).folder, null);
  t.false(existsSync(join(home, 'elsewhere')));

  writeFileSync(join(home, '.cache'), '');
  t.is(find({ HOME: home }).folder, null);
});

testAsRoot('a home where nothing can be created is rejected without endless retries', (t) => {
  // The user's own home is the last resort, and `nobody` has none.
  const { folder, reason } = find({ HOME: '/proc' });
  t.is(folder, null);
  t.regex(reason, /ENOENT|belongs to/);
  t.throws(() => makeFolder('/proc/absent/kmem-run'), { code: 'ENOENT' });
});

test('a folder is created with its parents, and an existing one is left alone', (t) => {
  const { top } = makeHome(t);
  makeFolder(join(top, 'a', 'b', 'c'), 0o700);
  makeFolder(join(top, 'a', 'b', 'c'));
  t.is(statSync(join(top, 'a', 'b')).mode & 0o777, 0o700);
  writeFileSync(join(top, 'file'), '');
  t.throws(() => makeFolder(join(top, 'file')), { code: 'EEXIST' });
  t.throws(() => makeFolder(join(top, 'file', 'below')), { code: 'ENOTDIR' });
});
