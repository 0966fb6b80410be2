import { execFileSync } from 'node:child_process';
import test from 'ava';
import { resolveIdentity } from '../../src/run/identity.ts';

function own(...args: string[]) {
  return execFileSync('id', args, { encoding: 'utf8' }).trim();
}

test('nobody named: no change of identity', async (t) => {
  t.is(await resolveIdentity(null), null);
});

test('a user by name and by number, with all groups', async (t) => {
  const expected = {
    uid: Number(own('-u', 'nobody')),
    gid: Number(own('-g', 'nobody')),
    groups: own('-G', 'nobody').split(' ').map(Number),
    name: 'nobody',
  };
  t.like(await resolveIdentity('nobody'), expected);
  t.like(await resolveIdentity(String(expected.uid)), expected);
});

test('a user who is not there', async (t) => {
  for (const user of ['kmem-run-absent', '4000000000', '-r', '']) {
    t.like(await t.throwsAsync(resolveIdentity(user)), { name: 'SetupError', code: 'unknown-user' }, user);
  }
});
