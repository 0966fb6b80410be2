/** The BPF programs: their objects match their sources and load here. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readHierarchies } from '../../src/cgroup/hierarchies.ts';
import { errnoName } from '../../src/gate/protocol.ts';
import { needs } from '../needs.ts';
import { surveyHere, whyNoPrograms } from '../programs.ts';
import { here } from './compile.ts';

const root = join(here, '..', '..');

/** The first line of a program's version output; null if the program is missing. */
function saysOf(command: string, args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? (stdout.split('\n')[0]?.trim() ?? null) : null;
}

test('objects compiled again in another folder are the same', (t) => {
  const versions = JSON.parse(readFileSync(join(root, 'src/native/bpf/versions.json'), 'utf8'));
  const installed = {
    clang: saysOf('clang', ['--version']),
    bpftool: saysOf('bpftool', ['version']),
    libbpf: saysOf('dpkg-query', ['-W', '-f', '${Version}', 'libbpf-dev']),
  };
  const same = JSON.stringify(installed) === JSON.stringify(versions);
  if (!needs(t, same, `${JSON.stringify(versions)}; it has ${JSON.stringify(installed)}`)) return;
  const args = [join(root, 'bin/build-bpf.js'), '--check'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  t.is(stderr, '');
  t.is(status, 0);
});

/** Why each may be refused on a machine that generally allows programs. */
const refusals: Readonly<Record<string, RegExp>> = {
  // No kernel limit, no trampolines, or a policy that forbids them.
  fexit: /^(ENOENT|EPERM|ENOTSUP|EOPNOTSUPP)$/,
  // They need a kernel with CONFIG_FUNCTION_ERROR_INJECTION; from 6.11 on there are no such functions.
  'fmod_ret/should_failslab': /^(ENOENT|EPERM|EINVAL|EOPNOTSUPP)$/,
  'fmod_ret/should_fail_alloc_page': /^(ENOENT|EPERM|EINVAL|EOPNOTSUPP)$/,
  // No trampolines, or a policy that forbids them.
  ...Object.fromEntries(
    ['file_alloc', 'inode_alloc', 'sk_alloc', 'mmap_file'].map((name) => [
      `fmod_ret/security_${name}`,
      /^(EPERM|EINVAL|ENOTSUP|EOPNOTSUPP)$/,
    ]),
  ),
  // Before Linux 5.17.
  'syscall/locate': /^EINVAL$/,
  'syscall/prepare': /^EINVAL$/,
  'syscall/read': /^EINVAL$/,
};

test('each program loads and sees its events, or is refused for a known reason', (t) => {
  if (!needs(t, whyNoPrograms === null, `BPF programs: ${whyNoPrograms}`)) return;
  const { memory } = readHierarchies();
  const { programs, kinds } = surveyHere(`${memory?.own}/${memory?.version === 1 ? 'tasks' : 'cgroup.procs'}`);
  t.is(programs.length, 38);
  for (const { program, errno, reason } of programs)
    if (errno !== 0) t.regex(errnoName(errno), refusals[program] ?? /^none$/, `${program}: ${reason}`);
  const works = Object.fromEntries(kinds.map((kind) => [kind.kind, kind.works]));
  t.log(works);
  t.like(works, { faults: true, moves: true });
  for (const { program, works: well, errno } of kinds) if (program !== null) t.true(!well && errno !== 0, program);
});
