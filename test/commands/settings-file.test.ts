import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { NOBODY } from '../cgroup/sandbox.ts';
import { assertRefused, makeHarness, type Start } from '../harness.ts';

const NAME = 'kmem-run.config.yaml';

/** kmem-run in a folder below the one that holds the file, both private to its user. */
function place(t: ExecutionContext) {
  const harness = makeHarness(t);
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-settings-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, NAME);
  writeFileSync(file, `then: touch ${harness.path('marker')}\n`);
  const below = join(folder, 'below');
  mkdirSync(below);
  const run = (args: readonly string[] = [], start: Start = {}) =>
    harness.run([...args, '--', 'true'], { json: false, cwd: below, ...start });
  return { harness, folder, file, below, run };
}

const hostile: Readonly<Record<string, (at: ReturnType<typeof place>) => void>> = {
  'a file that others can write': ({ file }) => chmodSync(file, 0o666),
  'the file of another user': ({ file }) => chownSync(file, NOBODY, NOBODY),
  'a folder that others can write': ({ folder }) => chmodSync(folder, 0o777),
  'the folder of another user': ({ folder }) => chownSync(folder, NOBODY, NOBODY),
  "another user's file in a folder with the sticky bit": ({ folder, file }) => {
    chmodSync(folder, 0o1777);
    chownSync(file, NOBODY, NOBODY);
  },
  'a link to the file of another user': ({ folder, file }) => {
    const elsewhere = join(folder, 'elsewhere');
    renameSync(file, elsewhere);
    chownSync(elsewhere, NOBODY, NOBODY);
    symlinkSync(elsewhere, file);
  },
  'a link that leads nowhere': ({ file }) => {
    rmSync(file);
    symlinkSync('/nowhere', file);
  },
};

for (const [what, make] of Object.entries(hostile)) {
  test.serial(`${what} is rejected with an error`, async (t) => {
    const at = place(t);
    make(at);
    const ran = await at.run();
    assertRefused(t, ran, /^kmem-run: ".*kmem-run\.config\.yaml" is not read: /);
    t.regex(ran.stderr, /hint: .*chown.*--no-config/);
    t.is(ran.status, 125);
    t.false(at.harness.has('marker'));
    t.is((await at.run(['--no-config'])).status, 0);
    t.false(at.harness.has('marker'));
    at.harness.assertNothingLeft();
  });
}

test.serial('a file that only the user can write, in a sticky folder, is read', async (t) => {
  const at = place(t);
  chmodSync(at.folder, 0o1777);
  t.is((await at.run()).status, 0);
  t.true(at.harness.has('marker'));
});

test.serial('under sudo only a file of the calling user is read', async (t) => {
  const at = place(t);
  for (const path of [at.file, at.folder]) chownSync(path, NOBODY, NOBODY);
  assertRefused(t, await at.run([], { env: { SUDO_UID: '1' } }), /belongs to uid 65534/);
  assertRefused(t, await at.run([], { env: { SUDO_UID: '' } }), /belongs to uid 65534/);
  t.is((await at.run([], { env: { SUDO_UID: String(NOBODY) } })).status, 0);
  t.true(at.harness.has('marker'));
});

test.serial('a file that is not regular or is too large is rejected at once', async (t) => {
  const at = place(t);
  rmSync(at.file);
  execFileSync('mkfifo', ['-m', '600', at.file]);
  assertRefused(t, await at.run(), /a pipe, not a regular file/);
  rmSync(at.file);
  writeFileSync(at.file, '#'.repeat(2 ** 20 + 1));
  assertRefused(t, await at.run(), /larger than 1 MiB/);
});

test.serial('files beyond a file system boundary are not searched for', async (t) => {
  const at = place(t);
  const inside = 'mount -t tmpfs none . && cd "$PWD" && exec "$@"';
  const ran = await at.run([], { under: ['unshare', '--mount', 'sh', '-c', inside, 'sh'] });
  t.is(ran.status, 0, ran.stderr);
  t.false(at.harness.has('marker'));
});
