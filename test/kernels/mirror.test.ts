/** The system's own apt with the test's own mirror and keys. */

import { readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findKernel } from '../../src/kernels/find.ts';
import { unfinishedDownloads } from '../../src/kernels/list.ts';
import { configureApt, fresh, keys, makeMirror, noWay, old } from './made-mirror.ts';
import { arch, write } from './parts.ts';
import { makePlace, refusal } from './place.ts';
import { makeKeys, type RepositoryAnswer } from './repository.ts';

function isPackage(path: string) {
  return path.endsWith('.deb');
}

function packageOnly(answer: RepositoryAnswer) {
  return (path: string): RepositoryAnswer => (isPackage(path) ? answer : 'whole');
}

test.serial('the newest kernel of either suite is fetched, and only once', async (t) => {
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  const deb = mirror.put('debian-security', 'bookworm-security', fresh);
  const downloads: number[][] = [];
  const onDownload = (done: number, total: number) => void downloads.push([done, total]);
  const { kernel, change } = await mirror.fetch({ onDownload });
  t.is(change, 'added');
  t.like(kernel, { release: fresh.release, version: '6.1.100' });
  t.is(kernel.source, `linux-image-${fresh.release} 6.1.100-1, Debian 12's package from ${mirror.url}/debian-security`);
  t.deepEqual(downloads.at(-1), [statSync(deb).size, statSync(deb).size]);
  t.deepEqual(mirror.ranges(), [null]);
  t.deepEqual(await findKernel('6.1'), kernel);
  t.deepEqual(mirror.left(), ['.download', '6.1']);
  t.deepEqual(readdirSync(join(mirror.kernels, '.download')), [], 'nothing of apt is left');

  t.is((await mirror.fetch()).change, 'same');
  t.deepEqual(mirror.ranges(), [], 'what is there is not fetched again');
});

test.serial('a newer kernel replaces the installed one, and a damaged one is fetched again', async (t) => {
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  const first = await mirror.fetch();
  t.is(first.kernel.release, old.release);
  t.true(
    mirror.said().some((line) => /no bookworm-security/.test(line)),
    'that the security suite is missing is said',
  );
  mirror.put('debian', 'bookworm', fresh);
  t.like(await mirror.fetch(), { change: 'replaced', before: '6.1.99', kernel: { release: fresh.release } });
  truncateSync((await findKernel('6.1')).image, 100);
  t.regex((await refusal(t, findKernel('6.1'), 'kernel-damaged')).hint, /^kmem-run kernel add 6\.1$/);
  t.is((await mirror.fetch()).change, 'mended');
  t.is((await findKernel('6.1')).release, fresh.release);
});

test.serial('an interrupted download is resumed', async (t) => {
  const mirror = await makeMirror(t);
  const size = statSync(mirror.put('debian', 'bookworm', old)).size;
  const cutAt = 600_000;
  mirror.answers(packageOnly({ cutAt }));
  await refusal(t, mirror.fetch(), 'mirror-unreachable');
  t.deepEqual(mirror.left(), ['.download']);
  const [unfinished] = unfinishedDownloads();
  t.is(unfinished?.name, '6.1');
  const got = unfinished?.bytes ?? 0;
  t.true(got > 0 && got <= cutAt, `${got} bytes are kept`);
  await refusal(t, findKernel('6.1'), 'no-such-kernel');

  mirror.ranges();
  mirror.answers(() => 'whole');
  const { kernel } = await mirror.fetch();
  t.deepEqual(mirror.ranges(), [`bytes=${got}-`], `not all of the ${size} bytes`);
  t.is(kernel.release, old.release);
  t.deepEqual(unfinishedDownloads(), []);
});

test.serial('a download cancelled while the mirror hangs is resumed', async (t) => {
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  const hangAt = 700_000;
  mirror.answers(packageOnly({ hangAt }));
  const given = new AbortController();
  const onDownload = (done: number) => {
    if (done >= 500_000) given.abort();
  };
  await t.throwsAsync(mirror.fetch({ signal: given.signal, onDownload }), { name: 'AbortError' });
  const got = unfinishedDownloads()[0]?.bytes ?? 0;
  t.true(got >= 500_000 && got <= hangAt);
  mirror.ranges();
  mirror.answers(() => 'whole');
  t.is((await mirror.fetch()).change, 'added');
  t.deepEqual(mirror.ranges(), [`bytes=${got}-`]);
});

test.serial('a package that was fetched but not unpacked is not fetched again', async (t) => {
  const mirror = await makeMirror(t);
  const { size } = statSync(mirror.put('debian', 'bookworm', old));
  const given = new AbortController();
  const onDownload = (done: number, total: number) => {
    if (done === total) given.abort();
  };
  await t.throwsAsync(mirror.fetch({ signal: given.signal, onDownload }), { name: 'AbortError' });
  t.deepEqual(unfinishedDownloads(), [{ name: '6.1', bytes: size }]);
  mirror.ranges();
  t.is((await mirror.fetch()).change, 'added');
  t.deepEqual(mirror.ranges(), [`bytes=${size}-`]);
});

test.serial('a download with a damaged beginning is restarted', async (t) => {
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  mirror.answers(packageOnly({ cutAt: 600_000 }));
  await refusal(t, mirror.fetch(), 'mirror-unreachable');
  const folder = join(mirror.kernels, '.download', '6.1');
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.deb')) ?? '');
  const { size, atimeMs, mtimeMs } = statSync(file);
  writeFileSync(file, Buffer.alloc(size));
  utimesSync(file, atimeMs / 1000, mtimeMs / 1000);
  mirror.ranges();
  mirror.answers(() => 'whole');
  t.is((await mirror.fetch()).change, 'added');
  t.deepEqual(mirror.ranges(), [`bytes=${size}-`, null]);
});

test.serial('a mirror in the file system works too', async (t) => {
  const mirror = await makeMirror(t);
  const deb = mirror.put('debian', 'bookworm', old);
  const way = { way: 'mirror', url: `file://${mirror.path('mirror', 'debian')}` } as const;
  t.is((await mirror.add('6.1', way, { keyring: keys.keyring })).kernel.release, old.release);
  t.true(statSync(deb).isFile(), 'and keeps its package');
  writeFileSync(deb, 'something else');
  mirror.put('debian-security', 'bookworm-security', fresh);
  writeFileSync(
    mirror.path('mirror', 'debian-security', 'pool', `linux-image-${fresh.release}_6.1.100-1_${arch}.deb`),
    'x',
  );
  await refusal(t, mirror.add('6.1', way, { keyring: keys.keyring }), 'package-gone');
  t.is((await findKernel('6.1')).release, old.release);
});

test.serial('a package that does not match its signature is rejected, and a damaged part is discarded', async (t) => {
  const mirror = await makeMirror(t);
  const deb = mirror.put('debian', 'bookworm', old);
  const whole = readFileSync(deb);
  const wrong = Buffer.from(whole);
  const middle = wrong.length >> 1;
  wrong.writeUInt8(wrong.readUInt8(middle) ^ 1, middle);
  writeFileSync(deb, wrong);
  await refusal(t, mirror.fetch(), 'bad-signature');
  t.deepEqual(
    mirror.left().filter((name) => name !== '.download'),
    [],
  );
  writeFileSync(deb, whole);
  const { kernel } = await mirror.fetch();
  t.is(kernel.release, old.release);
});

test.serial('unsigned lists and lists signed by others are rejected', async (t) => {
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  const stranger = makeKeys();
  t.teardown(stranger.close);
  const error = await refusal(t, mirror.fetch({ keyring: stranger.keyring }), 'bad-signature');
  t.regex(error.hint, /--mirror.*--deb.*--image/);
  const release = mirror.path('mirror', 'debian', 'dists', 'bookworm', 'InRelease');
  const text = readFileSync(release, 'utf8');
  writeFileSync(release, text.replace(/^ [0-9a-f]{64}/m, ` ${'0'.repeat(64)}`));
  await refusal(t, mirror.fetch(), 'bad-signature');
  t.deepEqual(mirror.ranges(), [], 'no package is fetched by such lists');
});

test.serial('if the mirror lacks the suite or the package, the error names alternatives', async (t) => {
  const mirror = await makeMirror(t);
  const error = await refusal(t, mirror.fetch(), 'suite-gone');
  t.regex(error.message, /Debian 12 \(bookworm\)/);
  t.true(error.message.includes(`${mirror.url}/debian`));
  t.regex(error.hint, /--mirror URL.*--deb FILE.*--image FILE --modules DIR/);

  mirror.put('debian', 'bookworm', old);
  mirror.answers(packageOnly('missing'));
  t.regex((await refusal(t, mirror.fetch(), 'package-gone')).message, /lists linux-image-6\.1\.0-9-test/);

  mirror.answers(() => 'whole');
  mirror.put('debian', 'bookworm', { release: '6.7.0-1-test', version: '6.7.1-1' });
  await refusal(t, mirror.fetch(), 'no-such-package');

  mirror.answers(() => 'refused');
  t.regex((await refusal(t, mirror.fetch(), 'mirror-unreachable')).message, /403/);
  await mirror.close();
  t.regex((await refusal(t, mirror.fetch(), 'mirror-unreachable')).hint, /try again/);
});

test.serial('an unreadable security suite is an error, not a reason to use an older kernel', async (t) => {
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  mirror.put('debian-security', 'bookworm-security', fresh);
  write(mirror.path('mirror', 'debian-security', 'dists', 'bookworm-security', 'InRelease'), 'not signed');
  await t.throwsAsync(mirror.fetch(), { name: 'SetupError' });
  t.deepEqual(mirror.ranges(), []);
});

test.serial('a refused security suite is an error if configured, and a message if only guessed', async (t) => {
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  mirror.put('debian-security', 'bookworm-security', fresh);
  mirror.answers((path) => (path.startsWith('/debian-security/') ? 'refused' : 'whole'));
  const lines = ['debian bookworm', 'debian-security bookworm-security'].map(
    (each) => `deb ${mirror.url}/${each} main\n`,
  );
  configureApt(mirror, lines.join(''));
  await refusal(t, mirror.add('6.1', noWay, { keyring: keys.keyring }), 'mirror-unreachable');
  t.is((await mirror.fetch()).kernel.release, old.release);
  t.true(mirror.said().some((line) => /no bookworm-security/.test(line)));
});

test.serial('invalid mirror addresses and unknown suite names are rejected', async (t) => {
  const place = makePlace(t);
  for (const url of ['', 'debian', '/srv/debian', 'http://a b', 'http://a\ndeb http://b', 'http://[x]']) {
    await refusal(t, place.add('6.1', { way: 'mirror', url }), 'bad-mirror');
  }
  const error = await refusal(t, place.add('4.19', { way: 'mirror', url: null }), 'unknown-kernel');
  t.regex(error.message, /5\.10, 6\.1, 6\.12/);
  t.regex(error.hint, /--deb.*--image/);
});

test.serial('the system’s hooks, packages and preferences are ignored, and its lists left unchanged', async (t) => {
  const mirror = await makeMirror(t);
  mirror.put('debian', 'bookworm', old);
  const witness = mirror.path('witness');
  const hook = (when: string) => `APT::Update::${when} { "touch ${witness}"; };\n`;
  const installed = write(
    mirror.path('status'),
    `Package: linux-image-${arch}\nStatus: install ok installed\nArchitecture: ${arch}\nVersion: 9\nMaintainer: x\nDescription: x\n`,
  );
  const pin = write(mirror.path('preferences'), 'Package: *\nPin: origin 127.0.0.1\nPin-Priority: -1\n');
  const state = [
    `Dir::State "${mirror.path('state')}";\nDir::Cache "${mirror.path('system-cache')}";\n`,
    `Dir::State::status "${installed}";\nDir::Etc::preferences "${pin}";\n`,
  ];
  write(
    mirror.path('apt.conf'),
    [...state, ...['Pre-Invoke', 'Post-Invoke', 'Post-Invoke-Success'].map(hook)].join(''),
  );
  t.is((await mirror.fetch()).kernel.release, old.release);
  t.deepEqual(
    readdirSync(mirror.folder).filter((name) => ['witness', 'state', 'system-cache'].includes(name)),
    [],
  );
});
