import { SetupError } from '../errors.ts';
import { execa } from '../host/execa.ts';

export type Identity = Readonly<{ uid: number; gid: number; groups: readonly number[]; name: string; home: string }>;

/**
 * The identity that `--user` names, found by the system's own lookup (getent, id), so that LDAP and the like are
 * included.
 * @throws SetupError `unknown-user`, `no-permission`, `no-user-lookup`
 */
export async function resolveIdentity(user: string | null): Promise<Identity | null> {
  if (user === null) return null;
  if (process.getuid?.() !== 0)
    throw new SetupError(
      'no-permission',
      `only root can run a command as ${user}`,
      'leave out --user, or run kmem-run as root',
    );
  const entry = await lookUp('getent', ['passwd', '--', user]);
  const fields = entry.stdout.split(':');
  const [name, , uid, gid, , home] = fields;
  if (entry.exitCode !== 0 || name === undefined || uid === undefined || gid === undefined) {
    throw new SetupError('unknown-user', `no such user: ${user}`, 'use a name or a number that `getent passwd` lists');
  }
  const groups = await lookUp('id', ['-G', '--', name]);
  return {
    uid: Number(uid),
    gid: Number(gid),
    groups: groups.exitCode === 0 ? groups.stdout.trim().split(/\s+/).map(Number) : [Number(gid)],
    name,
    home: home ?? '/',
  };
}

/** A program that cannot be started proves nothing: the user may exist, and may be in more groups. */
async function lookUp(program: string, args: readonly string[]): Promise<{ stdout: string; exitCode: number | null }> {
  const { stdout, exitCode, code, originalMessage } = await execa(program, args, { reject: false });
  if (exitCode !== undefined) return { stdout, exitCode };
  throw new SetupError(
    'no-user-lookup',
    `--user: ${program} cannot be started (${code ?? originalMessage})`,
    `add the folder of ${program} to PATH, for example PATH=/usr/bin:/bin`,
  );
}
