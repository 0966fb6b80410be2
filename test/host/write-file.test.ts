import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { writeReport } from '../../src/host/write-file.ts';
import { canActAsOthers, where } from '../needs.ts';

const asRoot = where(canActAsOthers, 'root', test);
const module = new URL('../../src/host/write-file.ts', import.meta.url).href;

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'kmem-run-file-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function mount(t: ExecutionContext, args: readonly string[], path: string): void {
  const { status, stderr } = spawnSync('mount', [...args, path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  t.teardown(() => spawnSync('umount', [path]));
}

// Privileges are dropped after the import: the sources may be where no other user may read them.
const writer = `import(${JSON.stringify(module)}).then(({ writeReport }) => {
  const [, path, text, uid] = process.argv;
  if (Number(uid) > 0) { process.setgroups([]); process.setgid(Number(uid)); process.setuid(Number(uid)); }
  return writeReport(path, text);
}).catch((error) => { process.stderr.write(error.code + ' ' + error.message); process.exitCode = 9; });`;

/** Writes a report in a separate process; `shell` is appended, e.g. a redirection. */
function elsewhere(path: string, text: string, { shell = '', uid = 0 } = {}) {
  const line = `exec "$0" -e "$1" "$2" "$3" "$4" ${shell}`;
  return spawnSync('sh', ['-c', line, process.execPath, writer, path, text, String(uid)], { encoding: 'utf8' });
}

test('a new file is complete, with nothing beside it', async (t) => {
  const at = folder(t);
  await writeReport(join(at, 'a.json'), '{}\n');
  t.is(readFileSync(join(at, 'a.json'), 'utf8'), '{}\n');
  t.deepEqual(readdirSync(at), ['a.json']);
  t.is(statSync(join(at, 'a.json')).mode & 0o777, 0o666 & ~process.umask());
});

test('an existing file is replaced atomically and keeps its mode', async (t) => {
  const at = folder(t);
  const path = join(at, 'a.json');
  writeFileSync(path, 'old');
  chmodSync(path, 0o640);
  const { ino } = statSync(path);
  await writeReport(path, 'new');
  t.is(readFileSync(path, 'utf8'), 'new');
  t.is(statSync(path).mode & 0o777, 0o640);
  t.not(statSync(path).ino, ino);
  t.deepEqual(readdirSync(at), ['a.json']);
});

asRoot('a file that is there keeps its owner', async (t) => {
  const path = join(folder(t), 'a.json');
  writeFileSync(path, 'old');
  chownSync(path, 65_534, 65_534);
  await writeReport(path, 'new');
  t.like(statSync(path), { uid: 65_534, gid: 65_534 });
});

test('a symbolic link stays a link, even if it is dangling', async (t) => {
  const at = folder(t);
  mkdirSync(join(at, 'real'));
  symlinkSync('real/a.json', join(at, 'link'));
  for (const text of ['first', 'second']) {
    await writeReport(join(at, 'link'), text);
    t.is(readFileSync(join(at, 'real/a.json'), 'utf8'), text);
    t.true(lstatSync(join(at, 'link')).isSymbolicLink());
  }
  symlinkSync('loop', join(at, 'loop'));
  await t.throwsAsync(writeReport(join(at, 'loop'), 'x'), {
    code: 'json-not-written',
    message: /too many symbolic links/,
  });
});

test('a missing folder, a folder and a full device get a plain error', async (t) => {
  const at = folder(t);
  await t.throwsAsync(writeReport(join(at, 'no/a.json'), 'x'), {
    code: 'json-not-written',
    message: /no such file or directory$/,
  });
  await t.throwsAsync(writeReport(at, 'x'), { code: 'json-not-written', message: /it is a directory$/ });
  const error = await t.throwsAsync(writeReport('/dev/full', 'x'), { code: 'json-not-written' });
  t.is(error?.message, 'the result cannot be written to "/dev/full": no space left on device');
  t.is((error as { hint?: string }).hint, 'free some space there, or name a file on another disk');
  t.true(lstatSync('/dev/full').isCharacterDevice());
});

asRoot('a full disk leaves no half file and no temporary one', async (t) => {
  const at = folder(t);
  mount(t, ['-t', 'tmpfs', '-o', 'size=64k', 'kmem-run-test'], at);
  await t.throwsAsync(writeReport(join(at, 'a.json'), 'x'.repeat(200_000)), {
    code: 'json-not-written',
    message: /no space left/,
  });
  t.deepEqual(readdirSync(at), []);
  writeFileSync(join(at, 'b.json'), 'the result before');
  await t.throwsAsync(writeReport(join(at, 'b.json'), 'x'.repeat(200_000)), { code: 'json-not-written' });
  t.deepEqual(readdirSync(at), ['b.json']);
  t.is(readFileSync(join(at, 'b.json'), 'utf8'), 'the result before');
  await writeReport(join(at, 'b.json'), 'it fits');
  t.is(readFileSync(join(at, 'b.json'), 'utf8'), 'it fits');
});

asRoot('a file that is a mount point is written in place, and emptied where that fails', async (t) => {
  const at = folder(t);
  const small = join(at, 'small');
  mkdirSync(small);
  mount(t, ['-t', 'tmpfs', '-o', 'size=64k', 'kmem-run-test'], small);
  writeFileSync(join(small, 'real'), 'old');
  const path = join(at, 'a.json');
  writeFileSync(path, '');
  mount(t, ['--bind', join(small, 'real')], path);
  await writeReport(path, 'new');
  t.is(readFileSync(join(small, 'real'), 'utf8'), 'new');
  await t.throwsAsync(writeReport(path, 'x'.repeat(200_000)), { code: 'json-not-written' });
  t.is(readFileSync(join(small, 'real'), 'utf8'), '');
  t.deepEqual(readdirSync(at).toSorted(), ['a.json', 'small']);
});

asRoot('a file that may be written in a folder that may not', (t) => {
  const at = folder(t);
  chmodSync(at, 0o755);
  const path = join(at, 'a.json');
  writeFileSync(path, 'old');
  chmodSync(path, 0o666);
  const { ino } = statSync(path);
  t.is(elsewhere(path, 'new', { uid: 65_534 }).stderr, '');
  t.is(readFileSync(path, 'utf8'), 'new');
  t.is(statSync(path).ino, ino);
  const refused = elsewhere(join(at, 'b.json'), 'x', { uid: 65_534 });
  t.is(refused.status, 9);
  t.regex(refused.stderr, /^json-not-written .*permission denied/);
  t.deepEqual(readdirSync(at), ['a.json']);
});

test('stdout is written under any name, to a pipe or a file others append to', (t) => {
  const log = join(folder(t), 'log');
  for (const name of ['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']) {
    t.is(elsewhere(name, 'text', { shell: '| cat' }).stdout, 'text', name);
    writeFileSync(log, 'before\n');
    t.is(elsewhere(name, 'text', { shell: `>> '${log}'` }).stderr, '', name);
    t.is(readFileSync(log, 'utf8'), 'before\ntext', name);
  }
});

test('a missing reader is an error, not a crash', (t) => {
  const line = '{ sleep 0.2; "$0" -e "$1" - "$2" 0; echo " status $?" >&2; } | true';
  const { stderr } = spawnSync('sh', ['-c', line, process.execPath, writer, 'text'], { encoding: 'utf8' });
  t.regex(stderr, /^json-not-written .*: broken pipe status 9\n$/);
});

test('a fifo is written to and stays a fifo', async (t) => {
  const fifo = join(folder(t), 'fifo');
  spawnSync('mkfifo', [fifo]);
  const reader = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => reader.kill('SIGKILL'));
  const text = 'x'.repeat(300_000);
  const [, read] = await Promise.all([writeReport(fifo, text), reader.stdout.toArray(), once(reader, 'exit')]);
  t.is(Buffer.concat(read).toString(), text);
  t.true(existsSync(fifo) && lstatSync(fifo).isFIFO());
});

test('writing to a fifo without a reader stops when the caller says so', async (t) => {
  const fifo = join(folder(t), 'fifo');
  spawnSync('mkfifo', [fifo]);
  await t.throwsAsync(writeReport(fifo, 'text', AbortSignal.abort()), {
    code: 'json-not-written',
    message: /: interrupted, and it has no reader$/,
  });
});

test('a signal ends the process once the file is in place, without a temporary file', (t) => {
  const at = folder(t);
  const path = join(at, 'a.json');
  const script = `import(${JSON.stringify(module)}).then(({ writeReport }) => {
    void writeReport(process.argv[1], 'x'.repeat(1_000_000));
    setImmediate(() => process.kill(process.pid, 'SIGTERM'));
    setInterval(() => {}, 1000);
  })`;
  const { signal, stderr } = spawnSync(process.execPath, ['-e', script, path], { encoding: 'utf8' });
  t.is(signal, 'SIGTERM', stderr);
  t.deepEqual(readdirSync(at), ['a.json']);
  t.is(statSync(path).size, 1_000_000);
});
