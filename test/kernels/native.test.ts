/** The module of --enforce native: built when a kernel is added from a mirror, and kept with it. */

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findProgram } from '../../src/host/programs.ts';
import { findKernel } from '../../src/kernels/find.ts';
import { verifyKernel } from '../../src/kernels/list.ts';
import { suitesFor } from '../../src/kernels/types.ts';
import { needs } from '../needs.ts';
import { fresh, makeMirror, old } from './made-mirror.ts';
import { type MadeKernel, moduleFile, write } from './parts.ts';
import { setEnvironment } from './place.ts';

const isX86 = process.arch === 'x64';
const canBuild = isX86 && findProgram('make') !== null && findProgram('gcc') !== null;

/** In place of the kernel's own build: a finished module, which the Makefile copies. */
function ruleFor(file: string): string {
  return `test -f $(M)/main.c && test -f $(M)/Kbuild && cp ${file} $(M)/kmem_native.ko`;
}

test.serial('the module is built against the headers of the kernel’s own version, and kept with it', async (t) => {
  if (!needs(t, canBuild, 'gcc and make on x86-64')) return;
  const mirror = await makeMirror(t);
  const data = moduleFile('kmem_native', fresh.release);
  const rule = ruleFor(write(mirror.path('made.ko'), data));
  mirror.put('debian', 'bookworm', fresh, { rule });
  const { kernel, change } = await mirror.fetch();
  t.is(change, 'added');
  t.deepEqual(readFileSync(kernel.native.path ?? ''), data);
  t.true(kernel.native.path?.startsWith(kernel.folder));
  t.false(kernel.modules.includes(kernel.native.path ?? ''), 'it is not loaded at boot');
  t.is(mirror.ranges().length, 4, 'the kernel, two packages of headers and the tools');
  t.deepEqual(mirror.left(), ['.download', '6.1']);
  t.is((await mirror.fetch()).change, 'same');
  t.deepEqual(mirror.ranges(), []);
  truncateSync(kernel.native.path ?? '', 10);
  t.regex((await verifyKernel('6.1')).problems.join(), /^modules\/kmem_native\.ko has 10 bytes/);
  t.is((await mirror.fetch()).change, 'mended');
  t.deepEqual((await verifyKernel('6.1')).problems, []);
});

test.serial('a kernel without the module gets it later, and only the headers are fetched', async (t) => {
  if (!needs(t, canBuild, 'gcc and make on x86-64')) return;
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  const first = await mirror.fetch();
  t.is(first.kernel.native.path, null);
  t.regex(first.kernel.native.reason ?? '', /has no usable package linux-headers-6\.1\.0-9-test/);
  t.true(mirror.said().some((line) => /--enforce native will not work with this kernel/.test(line)));
  mirror.ranges();
  mirror.put('debian', 'bookworm', old, { rule: 'echo no such header >&2; false' });
  const failed = await mirror.fetch();
  t.is(failed.change, 'same');
  t.regex(failed.kernel.native.reason ?? '', /the build of kmem_native failed \(no such header\)/);
  t.regex(failed.kernel.native.hint ?? '', /then run kmem-run kernel add 6\.1$/);
  t.is(mirror.ranges().length, 3);
  const wrong = write(mirror.path('wrong.ko'), moduleFile('kmem_native', fresh.release));
  mirror.put('debian', 'bookworm', old, { rule: ruleFor(wrong) });
  t.regex((await mirror.fetch()).kernel.native.reason ?? '', /the headers are not those of 6\.1\.0-9-test/);
  const right = write(mirror.path('right.ko'), moduleFile('kmem_native', old.release));
  mirror.put('debian', 'bookworm', old, { rule: ruleFor(right) });
  mirror.ranges();
  const { kernel, change } = await mirror.fetch();
  t.is(change, 'replaced');
  t.is(mirror.ranges().length, 3);
  t.deepEqual(readFileSync(kernel.native.path ?? ''), readFileSync(right));
  t.like(kernel, { release: old.release, version: first.kernel.version, source: first.kernel.source });
  t.deepEqual(readFileSync(kernel.image), readFileSync((await findKernel('6.1')).image));
});

test.serial('without make the kernel is added all the same, and says what to install', async (t) => {
  if (!needs(t, isX86, 'x86-64')) return;
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', fresh, { rule: 'false' });
  const bin = mirror.path('bin');
  mkdirSync(bin);
  const links = new Map<string, string>();
  for (const folder of (process.env.PATH ?? '').split(':')) {
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      if (name !== 'make') links.set(name, join(folder, name));
    }
  }
  for (const [name, file] of links)
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) symlinkSync(file, join(bin, name));
  setEnvironment(t, { PATH: bin });
  const { kernel, change } = await mirror.fetch();
  t.is(change, 'added');
  t.deepEqual(kernel.native, {
    path: null,
    reason: 'make is not installed',
    hint: 'install the packages gcc and make, then run kmem-run kernel add 6.1',
  });
  t.deepEqual(mirror.ranges(), [null], 'no headers are fetched');
});

test.serial('a kernel that enforces a limit itself needs no module', async (t) => {
  const mirror = await makeMirror(t);
  const eleven: MadeKernel = { release: '5.10.0-9-test', version: '5.10.99-1' };
  mirror.put('debian', 'bullseye', eleven, { rule: 'false' });
  await mirror.fetch({}, '5.10');
  t.is(mirror.ranges().length, 1);
  t.is((await mirror.fetch({}, '5.10')).change, 'same');
});

test.serial('a machine with an older C library takes Debian 12’s 6.12, if the mirror has it', async (t) => {
  const codenames = (library: string | null) => suitesFor('6.12', library).map(({ codename }) => codename);
  t.deepEqual(codenames('2.36'), ['bookworm', 'trixie']);
  t.deepEqual(codenames('2.41'), ['trixie']);
  t.deepEqual(codenames(null), ['trixie']);
  t.deepEqual(suitesFor('6.1', '2.36').length, 1);
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const library = header?.glibcVersionRuntime ?? null;
  if (!needs(t, codenames(library).length === 2, 'a C library older than 2.38')) return;
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', fresh);
  mirror.put('debian', 'trixie', { release: '6.12.9-test', version: '6.12.9-1' });
  t.is((await mirror.fetch({}, '6.12')).kernel.release, '6.12.9-test');
  mirror.put(
    'debian-security',
    'bookworm-security',
    { release: '6.12.8-test', version: '6.12.8-1' },
    { meta: 'linux-image-6.12' },
  );
  t.like(await mirror.fetch({}, '6.12'), { change: 'replaced', kernel: { release: '6.12.8-test' } });
  t.regex((await findKernel('6.12')).source, /Debian 12's package/);
});
