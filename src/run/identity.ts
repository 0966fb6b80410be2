import { execa } from 'execa';
import { SetupError } from '../errors.ts';

export type Identity = Readonly<{ uid: number; gid: number; groups: readonly number[]; name: string; home: string }>;

/**
 * The identity that `--user` names, by the system's own lookup (getent, id), so that LDAP and the like are seen.
 * @throws SetupError `unknown-user`, `no-permission`
 */
export async function resolveIdentity(user: string | null): Promise<Identity | null> {
  if (user === null) return null;
  if (process.getuid?.() !== 0)
    throw new SetupError(
      'no-permission',
      `only root can run a command as ${user}`,
      'leave out --user, or run kmem-run as root',
    );
  const entry = await execa('getent', ['passwd', '--', user], { reject: false });
  const fields = (entry.stdout ?? '').split(':');
  const [name, , uid, gid, , home] = fields;
  if (entry.exitCode !== 0 || name === undefined || uid === undefined || gid === undefined) {
    throw new SetupError('unknown-user', `no such user: ${user}`, 'give a name or a number that `getent passwd` knows');
  }
  const groups = await execa('id', ['-G', '--', name], { reject: false });
  return {
    uid: Number(uid),
    gid: Number(gid),
    groups: groups.exitCode === 0 ? groups.stdout.trim().split(/\s+/).map(Number) : [Number(gid)],
    name,
    home: home ?? '/',
  };
}
