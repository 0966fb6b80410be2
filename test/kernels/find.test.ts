import { readFileSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findKernel } from '../../src/kernels/find.ts';
import { listKernels, verifyKernel } from '../../src/kernels/list.ts';
import type { Kernel } from '../../src/kernels/types.ts';
import { debian12, type MadeKernel, writeDeb } from './parts.ts';
import { makePlace, type Place, refusal } from './place.ts';

const made: MadeKernel = { release: '6.1.0-9-test', version: '6.1.99-1' };

async function withKernel(t: ExecutionContext, name: string): Promise<{ place: Place; kernel: Kernel }> {
  const place = makePlace(t);
  const file = writeDeb(place.folder, { made, modules: debian12 });
  const { kernel } = await place.add(name, { way: 'deb', file });
  return { place, kernel };
}

test.serial('an unknown kernel is rejected with a suitable hint', async (t) => {
  const { place } = await withKernel(t, 'mine');
  const hint = async (name: string) => (await refusal(t, findKernel(name), 'no-such-kernel')).hint;
  t.is(await hint('5.10'), 'kmem-run kernel add 5.10');
  t.is(await hint('6.12'), 'kmem-run kernel add 6.12');
  t.is(await hint('mien'), 'did you mean mine?');
  t.is(await hint('5.1'), 'did you mean 5.10? kmem-run kernel add 5.10');
  t.regex(await hint('something-else'), /kmem-run kernel list/);
  rmSync(place.kernels, { recursive: true });
  t.is(await hint('5.10'), 'kmem-run kernel add 5.10');
  t.deepEqual(await listKernels(true), []);
});

test.serial('a kernel with a missing or resized file is rejected, naming the file', async (t) => {
  const { kernel } = await withKernel(t, 'mine');
  const overlay = kernel.modules.find((path) => path.endsWith('/overlay.ko')) ?? '';
  const content = readFileSync(overlay);
  const told = async () => {
    const error = await refusal(t, findKernel('mine'), 'kernel-damaged');
    t.regex(error.hint, /^kmem-run kernel remove mine, .*kmem-run kernel add --help\)$/);
    return error.message;
  };
  truncateSync(overlay, content.length - 1);
  t.regex(await told(), /"mine" is damaged: modules\/overlay\.ko has \d+ bytes, not \d+$/);
  rmSync(overlay);
  t.regex(await told(), /modules\/overlay\.ko is missing/);
  symlinkSync('/etc/passwd', overlay);
  t.regex(await told(), /modules\/overlay\.ko is not a regular file/);
  rmSync(kernel.image);
  t.regex(await told(), /vmlinux is missing, and 1 more|Image is missing, and 1 more/);
});

test.serial('a modified file is hashed, and an intact one with a new time is accepted', async (t) => {
  const { kernel } = await withKernel(t, 'mine');
  const { mtimeMs } = statSync(kernel.image);
  utimesSync(kernel.image, 1, 1);
  t.deepEqual(await findKernel('mine'), kernel);
  t.is(statSync(kernel.image).mtimeMs, mtimeMs, 'the next run need not hash it');
  flip(kernel.image);
  t.regex((await refusal(t, findKernel('mine'), 'kernel-damaged')).message, /does not match its checksum/);
});

test.serial('verify finds damage by hash that sizes and times do not show', async (t) => {
  const { kernel } = await withKernel(t, 'mine');
  t.deepEqual((await verifyKernel('mine')).problems, []);
  const { atimeMs, mtimeMs } = statSync(kernel.image);
  flip(kernel.image);
  utimesSync(kernel.image, atimeMs / 1000, mtimeMs / 1000);
  t.deepEqual(await findKernel('mine'), kernel, 'each run looks at sizes and times only');
  const { problems, mend } = await verifyKernel('mine');
  t.is(problems.length, 1);
  t.regex(problems[0] ?? '', /does not match its checksum/);
  t.regex(mend ?? '', /kmem-run kernel remove mine/);
  t.deepEqual(
    (await listKernels(true)).map((listed) => listed.problems.length),
    [1],
  );
  await refusal(t, verifyKernel('other'), 'no-such-kernel');
});

test.serial('an invalid kernel.json counts as damage, and its paths are not followed', async (t) => {
  const { kernel } = await withKernel(t, 'mine');
  const file = join(kernel.folder, 'kernel.json');
  const good = JSON.parse(readFileSync(file, 'utf8'));
  const refused = async (value: unknown, reason: RegExp) => {
    writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
    t.regex((await refusal(t, findKernel('mine'), 'kernel-damaged')).message, reason);
  };
  await refused('', /not JSON/);
  await refused('[]', /not an object/);
  await refused({ ...good, schema: 2 }, /schema 2 is not 1/);
  await refused({ ...good, name: 'other' }, /belongs to the kernel "other"/);
  await refused({ ...good, content: '../../../etc' }, /content is invalid/);
  await refused({ ...good, image: { ...good.image, path: '../../kernel.json' } }, /image is invalid/);
  await refused({ ...good, modules: [{ ...good.modules[0], path: 'modules/../../../x.ko' }] }, /modules is invalid/);
  await refused({ ...good, image: { ...good.image, sha256: 'x' } }, /image is invalid/);
  await refused({ ...good, arch: 'mips' }, /arch is invalid/);
  await refused({ ...good, addedAt: 'yesterday' }, /addedAt is invalid/);
  await refused({ ...good, modules: null }, /modules is invalid/);
  rmSync(file);
  t.regex((await refusal(t, findKernel('mine'), 'kernel-damaged')).message, /kernel\.json is missing/);
  writeFileSync(file, JSON.stringify(good));
  t.deepEqual(await findKernel('mine'), kernel);
});

/** Changes a byte in the middle and keeps the size. */
function flip(file: string): void {
  const content = readFileSync(file);
  const at = content.length >> 1;
  content.writeUInt8(content.readUInt8(at) ^ 1, at);
  writeFileSync(file, content);
}
