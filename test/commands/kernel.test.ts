import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { until } from '../cgroup/sandbox.ts';
import { assertRefused, bin, type Ran } from '../harness.ts';
import { debian12, type MadeKernel, writeDeb, writeTree } from '../kernels/parts.ts';
import { makePlace, type Place } from '../kernels/place.ts';
import { makeKeys, type RepositoryAnswer, serve, writeSuite } from '../kernels/repository.ts';

const made: MadeKernel = { release: '6.1.0-9-test', version: '6.1.99-1' };
const padded: MadeKernel = { ...made, padding: randomBytes(1 << 20) };
const tree = { made, modules: debian12 };
const SYSTEM_KEYS = '/usr/share/keyrings';

let keys: ReturnType<typeof makeKeys>;
test.before(() => {
  keys = makeKeys();
});
test.after.always(() => keys?.close());

type Started = Readonly<{ pid: number; ended: Promise<Ran> }>;
type Start = Readonly<{ under?: readonly string[]; env?: Readonly<Record<string, string>> }>;

function start(
  t: ExecutionContext,
  place: Place,
  args: readonly string[],
  { under = [], env = {} }: Start = {},
): Started {
  const [file = '', ...rest] = [...under, process.execPath, bin, 'kernel', ...args];
  const subprocess = execa(file, rest, {
    cwd: place.folder,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: place.folder,
      XDG_CACHE_HOME: place.path('cache'),
      APT_CONFIG: place.path('apt.conf'),
      ...env,
    },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const { pid } = subprocess;
  if (pid === undefined) throw new Error(`${file} cannot be started`);
  t.teardown(() => subprocess.kill('SIGKILL'));
  const ended = subprocess.then(({ exitCode, signal, stdout, stderr }): Ran => {
    return { status: exitCode ?? null, signal: signal ?? null, stdout, stderr, result: null };
  });
  return { pid, ended };
}

function kernel(t: ExecutionContext, place: Place, args: readonly string[], options?: Start) {
  return start(t, place, args, options).ended;
}

/** In a separate mount namespace, after these commands. */
function mounting(...commands: readonly string[]): string[] {
  const namespaces = process.geteuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
  return ['unshare', ...namespaces, 'sh', '-c', [...commands, 'exec "$@"'].join(' && '), 'sh'];
}

function trusting() {
  return { under: mounting(`mount --bind ${keys.keyring} ${SYSTEM_KEYS}/debian-archive-keyring.gpg`) };
}

async function makeMirror(t: ExecutionContext, place: Place) {
  writeSuite(place.path('mirror', 'debian'), 'bookworm', { made: padded, modules: debian12 }, keys);
  let answer: RepositoryAnswer = 'whole';
  const served = await serve(t, place.path('mirror'), (path) => (path.endsWith('.deb') ? answer : 'whole'));
  return {
    add: ['add', '6.1', '--mirror', `${served.url}/debian`],
    ranges: () => served.requests.filter(({ path }) => path.endsWith('.deb')).map(({ range }) => range),
    answers: (given: RepositoryAnswer) => {
      answer = given;
    },
  };
}

test.serial('the text output of add, list, verify and remove', async (t) => {
  const place = makePlace(t);
  const file = writeDeb(place.folder, tree);
  t.like(await kernel(t, place, ['list']), {
    status: 0,
    stdout: 'no kernels; add one with kmem-run kernel add 5.10\n',
  });
  t.like(await kernel(t, place, ['verify']), { status: 0, stdout: 'no kernels to verify\n' });

  const added = await kernel(t, place, ['add', 'mine', '--deb', file]);
  t.like(added, { status: 0, stderr: '' });
  t.regex(added.stdout, /^added mine: Linux 6\.1\.0-9-test \(6\.1\.99\), [\d.]+ KiB in \/.*\/kernels\/mine\n$/);
  const again = await kernel(t, place, ['add', 'mine', '--deb', file]);
  t.regex(again.stdout, /^mine: Linux 6\.1\.0-9-test \(6\.1\.99\) is already added/);

  const listed = await kernel(t, place, ['list']);
  t.regex(
    listed.stdout,
    /^NAME +VERSION +RELEASE +NATIVE +SPACE +ADDED +SOURCE\nmine +6\.1\.99 +6\.1\.0-9-test +no +[\d.]+ KiB +\d{4}-\d\d-\d\d +linux-image-6\.1\.0-9-test 6\.1\.99-1, the package .*\n$/,
  );
  const { kernels, unfinished } = JSON.parse((await kernel(t, place, ['list', '--json'])).stdout);
  t.like(kernels[0], {
    name: 'mine',
    release: made.release,
    version: '6.1.99',
    problems: [],
    folder: join(place.kernels, 'mine'),
  });
  t.true(kernels[0].bytes > 0 && !Number.isNaN(Date.parse(kernels[0].addedAt)));
  t.deepEqual(unfinished, []);

  t.like(await kernel(t, place, ['verify', 'mine']), { status: 0, stdout: 'mine  whole\n' });
  const content = readdirSync(join(place.kernels, 'mine')).find((name) => name !== 'kernel.json') ?? '';
  truncateSync(join(place.kernels, 'mine', content, 'modules', '9p.ko'), 5);
  const damaged = await kernel(t, place, ['verify']);
  t.is(damaged.status, 1);
  t.regex(
    damaged.stdout,
    /^mine {2}damaged\n {2}modules\/9p\.ko has 5 bytes, not \d+\n {2}hint: kmem-run kernel remove mine/,
  );
  t.regex((await kernel(t, place, ['list'])).stdout, /9p\.ko has 5 bytes/);

  t.like(await kernel(t, place, ['remove', 'mine']), { status: 0, stdout: 'removed mine\n', stderr: '' });
  t.deepEqual(place.left(), []);
});

test.serial('an image and modules are added by relative paths', async (t) => {
  const place = makePlace(t);
  const { image, modules } = writeTree(place.path('given'), tree);
  const relative = [image, modules].map((path) => path.slice(place.folder.length + 1));
  const { status, stdout } = await kernel(t, place, [
    'add',
    'own',
    '--image',
    relative[0] ?? '',
    '--modules',
    relative[1] ?? '',
  ]);
  t.is(status, 0);
  t.regex(stdout, /^added own: Linux 6\.1\.0-9-test/);
  t.true((await kernel(t, place, ['list'])).stdout.includes(`the image ${image} and the modules of ${modules}`));
});

test.serial('neither help nor an invalid command line does anything', async (t) => {
  const place = makePlace(t);
  for (const args of [['--help'], ['add', '--help']]) {
    const { status, stdout } = await kernel(t, place, args);
    t.is(status, 0);
    t.regex(stdout, /kernel add NAME --image FILE --modules DIR/);
  }
  const refused = async (args: readonly string[], reason: RegExp) => {
    const ran = await kernel(t, place, args);
    t.is(ran.status, 125, args.join(' '));
    assertRefused(t, ran, reason);
    return ran.stderr;
  };
  await refused([], /kernel requires a command/);
  t.regex(await refused(['lst'], /"lst"/), /did you mean list\?/);
  await refused(['constructor'], /"constructor"/);
  await refused(['add'], /requires a name/);
  await refused(['remove'], /requires a name/);
  await refused(['add', 'a', 'b'], /unexpected argument "b"/);
  await refused(['list', 'a'], /unexpected argument "a"/);
  await refused(['verify', 'a', 'b'], /unexpected argument "b"/);
  await refused(['add', 'a', '--', 'b'], /unexpected argument "--"/);
  await refused(['add', '../a'], /invalid kernel name: "\.\.\/a"/);
  t.regex(await refused(['add', 'a', '--mirrr', 'x'], /--mirrr/), /did you mean --mirror\?/);
  await refused(['remove', 'a', '--deb', 'x'], /--deb/);
  await refused(['add', 'a', '--deb', 'x', '--mirror', 'y'], /--mirror and --deb/);
  await refused(['add', 'a', '--deb', 'x', '--modules', 'y'], /--deb and --image/);
  await refused(['add', 'a', '--image', 'x'], /--modules DIR is missing/);
  await refused(['add', 'a', '--modules', 'x'], /--image FILE is missing/);
  await refused(['verify', 'nix'], /unknown kernel: "nix"/);
  await refused(['remove', 'nix'], /unknown kernel: "nix"/);
  t.regex(await refused(['add', '4.19'], /"4\.19"/), /--deb FILE/);
  t.deepEqual(readdirSync(place.path('cache')).length <= 1, true);
});

test.serial('a download shows progress: a line now and then, or one redrawn line on a terminal', async (t) => {
  const place = makePlace(t);
  const { add } = await makeMirror(t, place);
  const plain = await kernel(t, place, add, trusting());
  t.is(plain.status, 0, plain.stderr);
  t.regex(plain.stderr, /^kmem-run: reading the lists of Debian 12 \(bookworm\) from http:/);
  t.regex(plain.stderr, /\nkmem-run: fetching linux-image-6\.1\.0-9-test 6\.1\.99-1\n/);
  t.regex(plain.stderr, /\nkmem-run: 1[\d.]* MiB of 1[\d.]* MiB \(100 %\)\n/);
  t.false(plain.stderr.includes('\r'));
  await kernel(t, place, ['remove', '6.1']);

  const command = [...trusting().under, process.execPath, bin, 'kernel', ...add].map((word) => `'${word}'`).join(' ');
  const terminal = ['sh', '-c', 'exec script --quiet --return --command "$COMMAND" /dev/null'];
  const { stdout } = await kernel(t, place, [], { under: terminal, env: { COMMAND: command } });
  const shown = stdout.replaceAll('\r\u001b[K', '<redrawn>');
  t.regex(shown, /<redrawn>1[\d.]* MiB of 1[\d.]* MiB \(100 %\)<redrawn>.*added 6\.1/s);
});

test.serial('Ctrl-C during a download: the partial file is saved, reported and resumed', async (t) => {
  const place = makePlace(t);
  const { add, answers, ranges } = await makeMirror(t, place);
  answers({ hangAt: 700_000 });
  const { pid, ended } = start(t, place, add, trusting());
  await until(() => fetchedBytes(place) >= 600_000);
  process.kill(pid, 'SIGINT');
  const { status, stderr, stdout } = await ended;
  t.deepEqual({ status, stdout }, { status: 130, stdout: '' });
  t.regex(stderr, /\nkmem-run: interrupted; the download is saved/);
  t.regex(
    (await kernel(t, place, ['list'])).stdout,
    /no kernels.*\n6\.1: [67]\d\d[\d.]* KiB fetched; resume with kmem-run kernel add 6\.1\n/,
  );
  answers('whole');
  const got = fetchedBytes(place);
  t.is((await kernel(t, place, add, trusting())).status, 0);
  t.deepEqual(ranges(), [null, `bytes=${got}-`]);
  t.is((await kernel(t, place, ['verify', '6.1'])).status, 0);
});

test.serial('kmem-run killed during a download: the next add waits for its leftovers, then completes', async (t) => {
  const place = makePlace(t);
  const { add, answers } = await makeMirror(t, place);
  answers({ hangAt: 700_000 });
  const { pid, ended } = start(t, place, add, trusting());
  await until(() => fetchedBytes(place) >= 600_000);
  process.kill(pid, 'SIGKILL');
  t.is((await ended).signal, 'SIGKILL');
  t.is((await kernel(t, place, ['verify', '6.1'])).status, 125);
  answers('whole');
  const next = await kernel(t, place, add, trusting());
  t.is(next.status, 0, next.stderr);
  t.regex(next.stderr, /another kmem-run is changing the kernels: waiting/);
  t.is((await kernel(t, place, ['verify', '6.1'])).status, 0);
  t.deepEqual(readdirSync(join(place.kernels, '.download')), []);
});

test.serial('two concurrent adds by two processes both succeed, with one download', async (t) => {
  const place = makePlace(t);
  const { add, ranges } = await makeMirror(t, place);
  const both = await Promise.all([kernel(t, place, add, trusting()), kernel(t, place, add, trusting())]);
  t.deepEqual(
    both.map(({ status }) => status),
    [0, 0],
  );
  t.deepEqual(ranges(), [null]);
  t.is(both.filter(({ stderr }) => /waiting until it exits/.test(stderr)).length, 1);
  t.deepEqual(both.map(({ stdout }) => stdout.split(' ')[0]).sort(), ['6.1:', 'added']);
});

test.serial('a full disk is reported, and existing kernels are left intact', async (t) => {
  const place = makePlace(t);
  const { add } = await makeMirror(t, place);
  const small = writeDeb(place.path('small'), tree);
  const large = writeDeb(place.path('large'), {
    made: { ...made, release: '6.1.0-10-test', padding: randomBytes(2 << 20) },
    modules: debian12,
  });
  const node = `'${process.execPath}' '${bin}' kernel`;
  const disk = place.path('disk');
  mkdirSync(disk);
  const under = mounting(
    `mount --bind ${keys.keyring} ${SYSTEM_KEYS}/debian-archive-keyring.gpg`,
    `mount -t tmpfs -o size=960k,mode=700 none ${disk}`,
    `${node} add mine --deb ${small} >/dev/null`,
    `{ ${node} ${add.join(' ')}; ${node} add mine --deb ${large}; ${node} verify; ls -A ${disk}/kmem-run/kernels; }`,
  );
  const { stdout, stderr } = await kernel(t, place, ['list'], { under, env: { XDG_CACHE_HOME: disk } });
  const refusals = stderr.split('\n').filter((line) => /not enough space/.test(line));
  t.is(refusals.length, 2, stderr);
  t.true(refusals.every((line) => line.includes(disk)));
  t.regex(stderr, /\n {2}hint: free some space there, or set XDG_CACHE_HOME/);
  t.regex(stdout, /^mine {2}whole\n/);
  t.deepEqual(
    stdout.split('\n').filter((line) => /^\.?(mine|new-.*|download|lock)$/.test(line)),
    ['.download', '.lock', 'mine'],
  );
});

test.serial('an unwritable cache folder is reported', async (t) => {
  const place = makePlace(t);
  const file = writeDeb(place.folder, tree);
  await kernel(t, place, ['add', 'mine', '--deb', file]);
  const cache = place.path('cache');
  const under = mounting(`mount --bind ${cache} ${cache}`, `mount -o remount,bind,ro ${cache}`);
  for (const args of [
    ['add', 'other', '--deb', file],
    ['remove', 'mine'],
  ]) {
    const ran = await kernel(t, place, args, { under });
    t.is(ran.status, 125);
    assertRefused(t, ran, /cannot be saved in .*kernels \(EROFS\)/);
  }
  t.is((await kernel(t, place, ['verify'], { under })).stdout, 'mine  whole\n');
});

test.serial('missing Debian keys or apt: the error names the package', async (t) => {
  const place = makePlace(t);
  const { add } = await makeMirror(t, place);
  const keyless = await kernel(t, place, add, { under: mounting(`mount -t tmpfs none ${SYSTEM_KEYS}`) });
  t.is(keyless.status, 125);
  assertRefused(t, keyless, /Debian's signing keys are missing/);
  t.regex(keyless.stderr, /hint: .*debian-archive-keyring/);

  const path = place.path('bin');
  mkdirSync(path);
  symlinkSync(process.execPath, join(path, 'node'));
  const flock =
    process.env.PATH?.split(':')
      .map((folder) => join(folder, 'flock'))
      .find(existsSync) ?? '';
  symlinkSync(flock, join(path, 'flock'));
  const aptless = await kernel(t, place, ['add', '5.10'], { env: { PATH: path } });
  t.is(aptless.status, 125);
  assertRefused(t, aptless, /apt-config is not installed/);
  t.regex(aptless.stderr, /the package apt.*--deb FILE.*--image FILE/);
});

function fetchedBytes({ kernels }: Place): number {
  const folder = join(kernels, '.download', '6.1');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const file = names.find((name) => name.endsWith('.deb'));
  return file === undefined ? 0 : (statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0);
}
