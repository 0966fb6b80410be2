/** Without --mirror: the mirrors of the system's own apt, and the KMEM_RUN_KERNELS folder if none serves the kernel. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findKernel } from '../../src/kernels/find.ts';
import { configureApt, fresh, keys, makeMirror, noWay, old } from './made-mirror.ts';
import { debian12, type MadeKernel, write, writeTree } from './parts.ts';
import { makePlace, type Place, refusal, setEnvironment } from './place.ts';

test.serial('without --mirror the system’s mirrors are used', async (t) => {
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  mirror.put('debian-security', 'bookworm-security', fresh);
  configureApt(
    mirror,
    `deb http://127.0.0.1:1/ubuntu jammy main\ndeb ${mirror.url}/debian trixie main\ndeb ${mirror.url}/debian-security trixie-security main\n`,
  );
  const { kernel } = await mirror.add('6.1', { way: 'mirror', url: null }, { keyring: keys.keyring });
  t.is(kernel.release, fresh.release);
});

test.serial('if apt knows no Debian mirror, the error names --mirror', async (t) => {
  const place = makePlace(t);
  configureApt(place, 'deb http://127.0.0.1:1/ubuntu jammy main\n');
  const error = await refusal(t, place.add('6.1', noWay), 'no-mirror');
  t.regex(error.hint, /--mirror URL/);
});

test.serial('without keys or apt, the error names the package to install', async (t) => {
  const place = makePlace(t);
  configureApt(place, 'deb http://127.0.0.1:1/debian bookworm main\n');
  const error = await refusal(t, place.add('6.1', noWay, { keyring: place.path('none.gpg') }), 'no-keyring');
  t.regex(error.hint, /debian-archive-keyring.*--deb.*--image/);
  const bin = place.path('bin');
  execFileSync('mkdir', [bin]);
  for (const tool of ['flock', 'tar', 'xz']) execFileSync('sh', ['-c', `ln -s "$(command -v ${tool})" ${bin}`]);
  setEnvironment(t, { PATH: bin });
  t.regex((await refusal(t, place.add('6.1', noWay), 'no-tool')).hint, /the package apt/);
  const deb = write(place.path('a.deb'), '');
  t.regex((await refusal(t, place.add('6.1', { way: 'deb', file: deb }), 'no-tool')).hint, /the package dpkg/);
});

test.serial('if no mirror works, the KMEM_RUN_KERNELS folder is used, with a message', async (t) => {
  const place = makePlace(t);
  configureApt(place, '');
  keepKernel(place, '6.1.99-debian', old);
  keepKernel(place, '6.1.100-debian', fresh);
  keepKernel(place, '6.12.5-debian', { release: '6.12.5-test', version: '6.12.5-1' });
  setEnvironment(t, { KMEM_RUN_KERNELS: place.path('kept') });
  const { kernel } = await place.add('6.1', noWay);
  t.is(kernel.release, fresh.release);
  t.regex(kernel.source, /^6\.1\.100-debian from the folder in KMEM_RUN_KERNELS$/);
  t.true(place.said().some((line) => /no Debian mirror/.test(line)));
  t.true(place.said().some((line) => /KMEM_RUN_KERNELS/.test(line) && line.includes('6.1.100-debian')));
  t.is((await place.add('6.1', noWay)).change, 'same');
  const [image, modules] = ['vmlinuz', 'modules'].map((name) => place.path('kept', '6.1.100-debian', name));
  const again = await place.add('6.1', { way: 'image', file: image ?? '', modules: modules ?? '' });
  t.is(again.change, 'same');
  t.regex(again.kernel.source, /^the image /, 'where it is from is told anew');
  t.deepEqual(await findKernel('6.1'), again.kernel);
  t.is((await place.add('6.12.5', noWay)).kernel.release, '6.12.5-test');
  await refusal(t, place.add('5.10', noWay), 'no-mirror');
  await refusal(t, place.add('6.1', { way: 'mirror', url: 'http://127.0.0.1:1/debian' }), 'no-keyring');
});

test.serial('a stored kernel that does not match its checksums is rejected', async (t) => {
  const place = makePlace(t);
  configureApt(place, '');
  setEnvironment(t, { KMEM_RUN_KERNELS: place.path('kept') });
  const folder = keepKernel(place, '6.1.99-debian', old);
  const sums = readFileSync(join(folder, 'SHA256SUMS'), 'utf8');
  const module = join(folder, 'modules', '9p.ko');
  writeFileSync(module, Buffer.concat([readFileSync(module), Buffer.from('more')]));
  t.regex((await refusal(t, place.add('6.1', noWay), 'wrong-checksum')).message, /9p\.ko/);
  writeFileSync(join(folder, 'SHA256SUMS'), sums.replace(/^.*vmlinuz\n/m, ''));
  t.regex((await refusal(t, place.add('6.1', noWay), 'wrong-checksum')).message, /vmlinuz/);
  execFileSync('rm', [join(folder, 'SHA256SUMS')]);
  await refusal(t, place.add('6.1', noWay), 'wrong-checksum');
});

/** A kernel as saved for CI: flat modules, and checksums of all files. */
function keepKernel(place: Place, name: string, made: MadeKernel): string {
  const folder = place.path('kept', name);
  const { image, modules } = writeTree(place.path('tree', name), { made, modules: debian12 });
  execFileSync('sh', [
    '-c',
    'mkdir -p "$1/modules" && cp "$2" "$1/vmlinuz" && find "$3" -name "*.ko" -exec cp {} "$1/modules" ";" && cd "$1" && sha256sum vmlinuz modules/* >SHA256SUMS',
    'sh',
    folder,
    image,
    modules,
  ]);
  return folder;
}
