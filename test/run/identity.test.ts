import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { resolveIdentity } from '../../src/run/identity.ts';

function own(...args: string[]) {
  return execFileSync('id', args, { encoding: 'utf8' }).trim();
}

test('without a user the identity is unchanged', async (t) => {
  t.is(await resolveIdentity(null), null);
});

test('accepts a user by name or number, with all groups', async (t) => {
  const expected = {
    uid: Number(own('-u', 'nobody')),
    gid: Number(own('-g', 'nobody')),
    groups: own('-G', 'nobody').split(' ').map(Number),
    name: 'nobody',
  };
  t.like(await resolveIdentity('nobody'), expected);
  t.like(await resolveIdentity(String(expected.uid)), expected);
});

test('rejects an unknown user', async (t) => {
  for (const user of ['kmem-run-absent', '4000000000', '-r', '']) {
    t.like(await t.throwsAsync(resolveIdentity(user)), { name: 'SetupError', code: 'unknown-user' }, user);
  }
});

test.serial('an error names the missing user lookup program', async (t) => {
  const { PATH } = process.env;
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-identity-'));
  t.teardown(() => {
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true, force: true });
  });
  process.env.PATH = folder;
  const refused = async (program: string) => {
    const error = await t.throwsAsync(resolveIdentity('nobody'));
    t.like(error, { name: 'SetupError', code: 'no-user-lookup' });
    t.true(error?.message.startsWith(`--user: ${program} cannot be started`), error?.message);
  };
  await refused('getent');
  // The user's other groups would be silently missing.
  symlinkSync('/usr/bin/getent', join(folder, 'getent'));
  await refused('id');
});
