/** Root writes in folders that other users can change. */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openPlace, openToAppend } from '../../src/host/open-place.ts';
import { writeReport } from '../../src/host/write-file.ts';
import { locate } from '../../src/store/database.ts';
import { NOBODY } from '../cgroup/sandbox.ts';
import { canActAsOthers, where } from '../needs.ts';

const asRoot = where(canActAsOthers, 'root', test);

/** Another user's folder, and one of ours with a file in it. */
function folders(t: ExecutionContext) {
  const top = mkdtempSync(join(tmpdir(), 'kmem-run-place-'));
  t.teardown(() => rmSync(top, { recursive: true, force: true }));
  chmodSync(top, 0o755);
  const [theirs, ours] = [join(top, 'theirs'), join(top, 'ours')];
  for (const folder of [theirs, ours]) mkdirSync(folder);
  chownSync(theirs, NOBODY, NOBODY);
  const file = join(ours, 'file');
  writeFileSync(file, 'ours');
  return { theirs, ours, file };
}

function link(target: string, path: string, uid = NOBODY): void {
  symlinkSync(target, path);
  lchownSync(path, uid, uid);
}

function append(path: string, text: string): void {
  const fd = openToAppend(path, { truncate: true });
  writeSync(fd, text);
  closeSync(fd);
}

const REFUSED = { message: new RegExp(`a link of user ${NOBODY} leads to a file of another user`) };

asRoot('a link of another user is not followed to what is not theirs, whoever made it', async (t) => {
  const { theirs, ours, file } = folders(t);
  link(file, join(theirs, 'result'));
  link(ours, join(theirs, 'folder'));
  // As if it had been moved there.
  link(file, join(theirs, 'moved'), 0);
  link('/proc/self/fd/1', join(theirs, 'stream'));
  const shared = join(ours, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  link(file, join(shared, 'result'));
  const places = ['result', 'folder/file', 'folder/new', 'moved', 'stream'].map((name) => join(theirs, name));
  for (const path of [...places, join(shared, 'result')]) {
    await t.throwsAsync(writeReport(path, 'new'), { code: 'json-not-written', ...REFUSED }, path);
    t.throws(() => append(path, 'new'), REFUSED, path);
  }
  const making = writeReport(join(theirs, 'folder/deeper/new'), 'new', undefined, { makesFolders: true });
  await t.throwsAsync(making, REFUSED);
  t.throws(() => locate(join(theirs, 'result')), { code: 'bad-store', ...REFUSED });
  t.is(readFileSync(file, 'utf8'), 'ours');
  t.deepEqual(readdirSync(ours).toSorted(), ['file', 'shared']);
});

asRoot('it is followed to what is theirs, and ours is followed anywhere', async (t) => {
  const { theirs, ours, file } = folders(t);
  const own = join(theirs, 'own');
  writeFileSync(own, 'old');
  chownSync(own, NOBODY, NOBODY);
  link(own, join(theirs, 'result'));
  link(theirs, join(theirs, 'folder'));
  await writeReport(join(theirs, 'result'), 'first');
  t.is(readFileSync(own, 'utf8'), 'first');
  t.is(statSync(own).uid, NOBODY);
  append(join(theirs, 'folder/own'), 'second');
  t.is(readFileSync(own, 'utf8'), 'second');
  await writeReport(join(theirs, 'folder/new'), 'new');
  t.is(readFileSync(join(theirs, 'new'), 'utf8'), 'new');
  symlinkSync(file, join(ours, 'link'));
  await writeReport(join(ours, 'link'), 'followed');
  t.is(readFileSync(file, 'utf8'), 'followed');
});

asRoot('a folder that is exchanged for a link meanwhile makes no difference', (t) => {
  const { theirs, ours } = folders(t);
  const place = openPlace(join(theirs, 'result'));
  t.teardown(place.close);
  renameSync(theirs, `${theirs}.away`);
  link(ours, theirs);
  writeFileSync(place.path, 'new');
  t.deepEqual(readdirSync(ours), ['file']);
  t.deepEqual(readdirSync(`${theirs}.away`), ['result']);
});

asRoot(
  'a second name for a file of ours is replaced in the other user’s folder, and never written through',
  async (t) => {
    const { theirs, file } = folders(t);
    linkSync(file, join(theirs, 'result'));
    t.throws(() => append(join(theirs, 'result'), 'new'), { message: /it has several hard links/ });
    await writeReport(join(theirs, 'result'), 'new');
    t.is(readFileSync(file, 'utf8'), 'ours');
    t.is(readFileSync(join(theirs, 'result'), 'utf8'), 'new');
  },
);

asRoot('nor in a folder that others can write', async (t) => {
  const { ours, file } = folders(t);
  const shared = join(ours, 'shared');
  const result = join(shared, 'result');
  mkdirSync(shared);
  chownSync(shared, 0, NOBODY);
  linkSync(file, result);
  for (const mode of [0o1777, 0o775]) {
    chmodSync(shared, mode);
    t.throws(() => append(result, 'new'), {
      message: /several hard links and is in a folder that other users can write/,
    });
  }
  t.is(readFileSync(file, 'utf8'), 'ours');
  chmodSync(shared, 0o755);
  append(result, 'new');
  t.is(readFileSync(file, 'utf8'), 'new');
});

asRoot('folders on the way are made if that is asked for', async (t) => {
  const { ours } = folders(t);
  const path = join(ours, 'a/b/result');
  await t.throwsAsync(writeReport(path, 'new'), { message: /no such file or directory$/ });
  await writeReport(path, 'new', undefined, { makesFolders: true });
  t.is(readFileSync(path, 'utf8'), 'new');
});

test('a pipe without a reader is rejected without waiting', (t) => {
  const { ours } = folders(t);
  const pipe = join(ours, 'pipe');
  execFileSync('mkfifo', [pipe]);
  t.throws(() => openToAppend(pipe, { truncate: true }), { message: 'this pipe has no reader' });
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openToAppend(pipe, { truncate: true });
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '';
  t.is(Number.parseInt(flags, 8) & constants.O_NONBLOCK, 0, 'a command waits for its reader');
  writeSync(fd, 'read');
  closeSync(fd);
  t.is(readFileSync(reader, 'utf8'), 'read');
  closeSync(reader);
});
