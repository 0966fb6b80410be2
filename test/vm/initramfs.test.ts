import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import type { SetupError } from '../../src/errors.ts';
import type { Kernel } from '../../src/kernels/types.ts';
import { agentPath } from '../../src/vm/agent.ts';
import { makeInitramfs } from '../../src/vm/initramfs.ts';
import { unpackCpio } from './cpio.ts';

// They set this process's environment.
const test = anyTest.serial;

const DAY_MS = 86_400_000;

/** The test's own cache folder, and a kernel with two modules. */
function makeKernel(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-initramfs-'));
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
  t.teardown(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    rmSync(folder, { recursive: true, force: true });
  });
  const modules = ['zz-first.ko', 'aa-second.ko'].map((name) => join(folder, name));
  for (const file of modules) writeFileSync(file, `module ${basename(file)}`);
  const kernel: Kernel = {
    ...{ name: 'test', release: '1.2.3-test', version: '1.2.3', arch: 'x86_64', image: join(folder, 'vmlinux') },
    ...{
      native: { path: null, reason: 'none', hint: 'none' },
      modules,
      folder,
      source: 'the test',
      addedAt: '2026-01-01T00:00:00.000Z',
      bytes: 0,
    },
  };
  return { kernel, kept: join(folder, 'cache', 'kmem-run', 'initramfs') };
}

test('it contains the agent as /init, a console and the modules in order', async (t) => {
  const { kernel, kept } = makeKernel(t);
  const file = await makeInitramfs(kernel);
  t.true(file.startsWith(`${kept}/test-`));
  t.is(statSync(file).mode & 0o777, 0o600);
  t.is(statSync(kept).mode & 0o777, 0o700);
  const entries = unpackCpio(readFileSync(file));
  const texts = entries.map(({ path, mode, data }) => [path, mode.toString(8), path === 'init' ? '' : data.toString()]);
  t.deepEqual(texts, [
    ['init', '100755', ''],
    ['dev', '40755', ''],
    ['dev/console', '20600', ''],
    ['modules', '40755', ''],
    ['modules/order', '100644', 'zz-first.ko\naa-second.ko\n'],
    ['modules/zz-first.ko', '100644', 'module zz-first.ko'],
    ['modules/aa-second.ko', '100644', 'module aa-second.ko'],
  ]);
  t.deepEqual(entries[0]?.data, readFileSync(agentPath()));
  t.deepEqual(entries[2]?.device, [5, 1]);
});

test('it is made once, and again if a module changes or others could have written it', async (t) => {
  const { kernel, kept } = makeKernel(t);
  const file = await makeInitramfs(kernel);
  const { ino } = statSync(file);
  t.is(await makeInitramfs(kernel), file);
  t.is(statSync(file).ino, ino);

  writeFileSync(file, 'planted');
  chmodSync(file, 0o666);
  t.is(await makeInitramfs(kernel), file);
  t.is(unpackCpio(readFileSync(file)).length, 7);

  writeFileSync(kernel.modules[0] ?? '', 'another');
  const other = await makeInitramfs(kernel);
  t.not(other, file);
  t.deepEqual(readdirSync(kept).sort(), [basename(file), basename(other)].sort());
});

test('one unused for a day is removed when another is made for its kernel; others stay', async (t) => {
  const { kernel, kept } = makeKernel(t);
  const old = await makeInitramfs(kernel);
  const used = await makeInitramfs({ ...kernel, modules: kernel.modules.slice(1) });
  const others = await makeInitramfs({ ...kernel, name: 'test-2' });
  const past = new Date(Date.now() - 2 * DAY_MS);
  for (const file of [old, used, others]) utimesSync(file, past, past);
  await makeInitramfs({ ...kernel, modules: kernel.modules.slice(1) });
  const fresh = await makeInitramfs({ ...kernel, modules: [] });
  t.deepEqual(readdirSync(kept).sort(), [used, others, fresh].map((file) => basename(file)).sort());
});

test('concurrent makers all get a complete file and leave nothing else', async (t) => {
  const { kernel, kept } = makeKernel(t);
  const files = await Promise.all([makeInitramfs(kernel), makeInitramfs(kernel), makeInitramfs(kernel)]);
  t.is(new Set(files).size, 1);
  t.is(unpackCpio(readFileSync(files[0] ?? '')).length, 7);
  t.is(readdirSync(kept).length, 1);
});

test('a module that cannot be read is named', async (t) => {
  const { kernel } = makeKernel(t);
  rmSync(kernel.modules[1] ?? '');
  const error = await t.throwsAsync<SetupError>(makeInitramfs(kernel), { name: 'SetupError' });
  t.is(error?.code, 'kernel-damaged');
  t.regex(error?.message ?? '', /kernel test .*aa-second\.ko \(ENOENT\)/);
  t.regex(error?.hint ?? '', /kmem-run kernel add test$/);
});

test('an unwritable cache folder is reported', async (t) => {
  const { kernel, kept } = makeKernel(t);
  mkdirSync(join(kept, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(kept, '');
  const error = await t.throwsAsync<SetupError>(makeInitramfs(kernel), { name: 'SetupError' });
  t.is(error?.code, 'no-cache-folder');
  t.regex(error?.hint ?? '', /XDG_CACHE_HOME/);
});
