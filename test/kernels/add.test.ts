import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import { findKernel } from '../../src/kernels/find.ts';
import { listKernels } from '../../src/kernels/list.ts';
import { removeKernel } from '../../src/kernels/remove.ts';
import {
  bzImage,
  compressors,
  debian12,
  type MadeKernel,
  moduleFile,
  plainImage,
  shippedImage,
  vmlinux,
  wrapped,
  write,
  writeDeb,
  writeTree,
} from './parts.ts';
import { makePlace, type Place, refusal } from './place.ts';

const made: MadeKernel = { release: '6.1.0-9-test', version: '6.1.99-2+deb12u1' };
const tree = { made, modules: debian12 };
const isX86 = process.arch === 'x64';

const order = [
  'virtio_ring',
  'virtio',
  'virtio_mmio',
  '9pnet',
  '9pnet_virtio',
  'netfs',
  'fscache',
  '9p',
  'overlay',
  'virtio_console',
];
function names(paths: readonly string[]) {
  return paths.map((path) => basename(path, '.ko'));
}

function imageWay(place: Place, image: Buffer, modules = debian12): { way: 'image'; file: string; modules: string } {
  const root = place.path('given');
  rmSync(root, { recursive: true, force: true });
  const written = writeTree(root, { made, modules });
  return { way: 'image', file: write(place.path('given-image'), image), modules: written.modules };
}

test.serial('a package yields a plain image and its modules in load order, and nothing else', async (t) => {
  const place = makePlace(t);
  const file = writeDeb(place.folder, tree);
  const { kernel, change } = await place.add('mine', { way: 'deb', file });
  t.is(change, 'added');
  t.deepEqual(await findKernel('mine'), kernel);
  t.like(kernel, { name: 'mine', release: made.release, version: '6.1.99', folder: join(place.kernels, 'mine') });
  t.is(kernel.source, `linux-image-${made.release} ${made.version}, the package ${file}`);
  t.deepEqual(readFileSync(kernel.image), plainImage(made));
  t.deepEqual(names(kernel.modules), order);
  for (const path of kernel.modules) {
    const name = basename(path, '.ko');
    t.deepEqual(readFileSync(path), moduleFile(name, made.release, debian12[name]));
  }
  const files = [kernel.image, ...kernel.modules];
  t.is(
    kernel.bytes,
    files.reduce((sum, path) => sum + statSync(path).size, 0),
  );
  t.deepEqual(place.left(), ['mine']);
  t.is(readdirSync(kernel.folder, { recursive: true }).length, files.length + 3);
  t.is(statSync(kernel.folder).mode & 0o777, 0o700);
});

test.serial('built-in modules are not required, and compressed ones are stored uncompressed', async (t) => {
  const place = makePlace(t);
  const builtin = ['virtio_ring', 'virtio', 'virtio-console'];
  const modules = {
    virtio_mmio: [],
    netfs: [],
    '9pnet': ['netfs'],
    '9pnet_virtio': ['9pnet'],
    '9p': ['9pnet', 'netfs'],
    overlay: [],
  };
  for (const compression of ['xz', 'gz', 'zst'] as const) {
    const file = writeDeb(place.path(compression), { made, modules, builtin, compression, lib: 'usr/lib' });
    const { kernel } = await place.add(compression, { way: 'deb', file });
    t.deepEqual(names(kernel.modules), ['virtio_mmio', 'netfs', '9pnet', '9pnet_virtio', '9p', 'overlay']);
    t.deepEqual(readFileSync(kernel.modules[2] ?? ''), moduleFile('9pnet', made.release, ['netfs']));
  }
});

test.serial('an unusual module dependency is found, even if its file name has a hyphen', async (t) => {
  const place = makePlace(t);
  const modules = { ...debian12, overlay: ['crc_odd'], 'crc-odd': ['crc_base'], crc_base: [] };
  const { kernel } = await place.add('odd', { way: 'deb', file: writeDeb(place.folder, { made, modules }) });
  t.deepEqual(names(kernel.modules).slice(8, 11), ['crc_base', 'crc_odd', 'overlay']);
});

test.serial('an image is accepted in every form in which it is built', async (t) => {
  const place = makePlace(t);
  const plain = plainImage(made);
  const forms: Record<string, Buffer> = { plain };
  for (const compression of ['xz', 'gz', 'zst'] as const) {
    forms[`file.${compression}`] = compressors[compression](plain);
    if (isX86) forms[`bzImage.${compression}`] = bzImage(plain, compression);
  }
  const zboot = Buffer.alloc(64);
  zboot.write('MZ\0\0zimg', 0, 'latin1');
  zboot.writeUInt32LE(64, 8);
  const payload = compressors.zst(plain);
  zboot.writeUInt32LE(payload.length, 12);
  forms.zboot = Buffer.concat([zboot, payload, Buffer.from('padding')]);
  for (const [form, image] of Object.entries(forms)) {
    const { kernel } = await place.add('form', imageWay(place, image));
    t.deepEqual(readFileSync(kernel.image), plain, form);
    t.is(kernel.release, made.release, form);
  }
});

test.serial('an image that is no kernel for this machine is rejected and leaves nothing', async (t) => {
  const place = makePlace(t);
  const refused = async (image: Buffer, code: string, reason: RegExp) => {
    const error = await refusal(t, place.add('bad', imageWay(place, image)), code);
    t.regex(error.message, reason);
  };
  await refused(Buffer.from('#!/bin/sh\n'), 'bad-image', /not a Linux kernel/);
  await refused(Buffer.alloc(0), 'bad-image', /not a Linux kernel/);
  await refused(vmlinux(made, 183), 'bad-image', /not a Linux kernel/);
  if (isX86) {
    await refused(vmlinux({ ...made, pvh: false }), 'no-direct-boot', /CONFIG_PVH/);
    await refused(plainImage(made).subarray(0, 120), 'bad-image', /cut off/);
    await refused(wrapped(Buffer.from('neither compressed nor ELF')), 'bad-image', /is unknown/);
    await refused(wrapped(Buffer.from([0x02, 0x21, 0x4c, 0x18, 0, 0])), 'unknown-compression', /lz4/);
    await refused(bzImage(plainImage(made), 'xz').subarray(0, 2048 + 64 + 100), 'not-decompressed', /xz/);
    await refused(bzImage(plainImage(made), 'zst').subarray(0, 2048 + 64 + 100), 'not-decompressed', /zstd/);
    const arm = Buffer.alloc(128);
    arm.write('ARMd', 0x38, 'latin1');
    await refused(arm, 'image-of-another-machine', /aarch64.*x86_64/);
  }
  await refused(
    Buffer.from(plainImage(made).toString('latin1').replaceAll('Linux version', 'Minix version'), 'latin1'),
    'bad-image',
    /its version of Linux/,
  );
  t.deepEqual(place.left(), []);
});

test.serial('a kernel that lacks a required module is rejected, naming the module', async (t) => {
  const place = makePlace(t);
  const { '9p': _, ...cloud } = debian12;
  const file = writeDeb(place.folder, { made, modules: cloud });
  const error = await refusal(t, place.add('cloud', { way: 'deb', file }), 'missing-module');
  t.regex(error.message, /the module 9p,/);
  t.regex(error.hint, /cloud/);
  const { netfs: __, ...lacking } = debian12;
  const other = await refusal(t, place.add('flat', imageWay(place, shippedImage(made), lacking)), 'missing-module');
  t.regex(other.message, /the module netfs,/);
  t.deepEqual(place.left(), []);
});

test.serial('modules of another kernel and files that are not modules are rejected', async (t) => {
  const place = makePlace(t);
  const error = await refusal(
    t,
    place.add('other', imageWay(place, shippedImage({ ...made, release: '6.1.0-10-test' }))),
    'module-of-another-kernel',
  );
  t.regex(error.message, /6\.1\.0-9-test.*6\.1\.0-10-test/);
  const way = imageWay(place, shippedImage(made));
  write(join(way.modules, 'kernel', 'ov', 'overlay.ko'), 'no module');
  t.regex((await refusal(t, place.add('junk', way), 'bad-module')).message, /overlay\.ko/);
});

test.serial('an invalid package, file or folder is rejected', async (t) => {
  const place = makePlace(t);
  const junk = write(place.path('junk.deb'), 'junk');
  t.regex((await refusal(t, place.add('a', { way: 'deb', file: junk }), 'bad-package')).message, /junk\.deb/);
  await refusal(t, place.add('a', { way: 'deb', file: place.path('none.deb') }), 'unreadable');
  await refusal(t, place.add('a', { way: 'deb', file: place.folder }), 'unreadable');
  const { modules } = imageWay(place, shippedImage(made));
  await refusal(t, place.add('a', { way: 'image', file: place.path('none'), modules }), 'unreadable');
  await refusal(t, place.add('a', { way: 'image', file: junk, modules: place.path('none') }), 'unreadable');
  const whole = readFileSync(writeDeb(place.folder, tree));
  const cut = write(place.path('cut.deb'), whole.subarray(0, whole.length - 1000));
  await refusal(t, place.add('a', { way: 'deb', file: cut }), 'bad-package');
  const empty = place.path('empty');
  mkdirSync(empty);
  const meta = writeDeb(empty, { made, modules: {} }, 'linux-image-meta');
  execFileSync('rm', ['-r', join(empty, 'linux-image-meta-root', 'boot')]);
  execFileSync('dpkg-deb', ['--build', join(empty, 'linux-image-meta-root'), meta], { stdio: 'pipe' });
  await refusal(t, place.add('a', { way: 'deb', file: meta }), 'no-image');
  t.deepEqual(place.left(), []);
});

test.serial('a name that could escape the folder is rejected', async (t) => {
  const place = makePlace(t);
  for (const name of ['', '.', '..', '../x', 'a/b', '.hidden', '-x', 'a b', 'a\n', 'x'.repeat(65)]) {
    await refusal(t, place.add(name, imageWay(place, shippedImage(made))), 'bad-kernel-name');
    await refusal(t, findKernel(name), 'bad-kernel-name');
    await refusal(t, removeKernel(name, { signal: undefined, say: () => {} }), 'bad-kernel-name');
  }
});

test.serial('adding it again changes nothing, another version replaces it, and damage is repaired', async (t) => {
  const place = makePlace(t);
  const file = writeDeb(place.folder, tree);
  const first = await place.add('k', { way: 'deb', file });
  const inode = statSync(first.kernel.image).ino;
  const again = await place.add('k', { way: 'deb', file });
  t.deepEqual(again, { kernel: first.kernel, change: 'same', before: '6.1.99' });
  t.is(statSync(first.kernel.image).ino, inode);

  const newer: MadeKernel = { release: '6.1.0-10-test', version: '6.1.100-1' };
  const next = await place.add('k', { way: 'deb', file: writeDeb(place.folder, { made: newer, modules: debian12 }) });
  t.like(next, { change: 'replaced', before: '6.1.99' });
  t.is((await findKernel('k')).release, newer.release);
  t.deepEqual(readdirSync(next.kernel.folder).length, 2, 'nothing of the first is left');

  truncateSync(next.kernel.image, 10);
  const mended = await place.add('k', {
    way: 'deb',
    file: place.path(`linux-image-${newer.release}_6.1.100-1_${process.arch === 'x64' ? 'amd64' : 'arm64'}.deb`),
  });
  t.is(mended.change, 'mended');
  t.deepEqual(await findKernel('k'), mended.kernel);
  t.deepEqual(place.left(), ['k']);
});

test.serial('a file or an empty folder in place of a kernel is replaced', async (t) => {
  const place = makePlace(t);
  const file = writeDeb(place.folder, tree);
  await place.add('other', { way: 'deb', file });
  writeFileSync(join(place.kernels, 'k'), 'a file');
  await refusal(t, findKernel('k'), 'kernel-damaged');
  t.is((await place.add('k', { way: 'deb', file })).change, 'mended');
  mkdirSync(join(place.kernels, 'e'));
  await refusal(t, findKernel('e'), 'no-such-kernel');
  t.is((await place.add('e', { way: 'deb', file })).kernel.release, made.release);
});

test.serial('of two concurrent adds one waits and says so; both succeed', async (t) => {
  const place = makePlace(t);
  const file = writeDeb(place.folder, tree);
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const both = await Promise.all(['a', 'a', 'b'].map((name) => place.add(name, { way: 'deb', file }, { say })));
  t.deepEqual(both.map(({ change }) => change).sort(), ['added', 'added', 'same']);
  t.true(said.every((text) => /waiting/.test(text)));
  t.is(said.length, 2);
  t.deepEqual(
    (await listKernels(true)).map(({ name, problems }) => [name, problems]),
    [
      ['a', []],
      ['b', []],
    ],
  );
});

test.serial('a cancelled add leaves everything as it was', async (t) => {
  const place = makePlace(t);
  const file = writeDeb(place.folder, tree);
  const { kernel } = await place.add('k', { way: 'deb', file });
  const newer: MadeKernel = { release: '6.1.0-10-test', version: '6.1.100-1', padding: randomBytes(4 << 20) };
  const given = new AbortController();
  const way = { way: 'deb', file: writeDeb(place.folder, { made: newer, modules: debian12 }) } as const;
  const work = place.add('k', way, { signal: given.signal });
  const watch = setInterval(() => {
    if (place.left().some((name) => name.startsWith('.new-'))) given.abort();
  }, 1);
  t.teardown(() => clearInterval(watch));
  await t.throwsAsync(work, { name: 'AbortError' });
  t.deepEqual(await findKernel('k'), kernel);
  t.deepEqual(place.left(), ['k']);
});

test.serial('the next add removes what a killed one left behind', async (t) => {
  const place = makePlace(t);
  const file = writeDeb(place.folder, tree);
  await place.add('k', { way: 'deb', file });
  write(join(place.kernels, '.new-dead', 'unpacked', 'boot', 'vmlinuz'), 'half');
  t.deepEqual(
    (await listKernels(false)).map(({ name }) => name),
    ['k'],
  );
  await place.add('k', { way: 'deb', file });
  t.deepEqual(place.left(), ['k']);
});

test.serial('a kernel can be removed, even if damaged', async (t) => {
  const place = makePlace(t);
  const file = writeDeb(place.folder, tree);
  const { kernel } = await place.add('k', { way: 'deb', file });
  rmSync(kernel.image);
  await removeKernel('k', { signal: undefined, say: () => {} });
  t.deepEqual(place.left(), []);
  await refusal(t, findKernel('k'), 'no-such-kernel');
  await refusal(t, removeKernel('k', { signal: undefined, say: () => {} }), 'no-such-kernel');
});
