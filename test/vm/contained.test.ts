/**
 * What prevents a run from starting on cgroup v2, in a microVM: each case is distinguished, and doctor's advice helps.
 */

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { findKernel } from '../../src/kernels/find.ts';
import { boot, exited, runScript } from './machines.ts';
import { needsKernel } from './needs-kernel.ts';

const root = join(import.meta.dirname, '..', '..');
const script = readFileSync(join(root, 'test', 'fixtures', 'contained.sh'), 'utf8');

const EVERY = [
  'as root',
  'ordinary user',
  'older mounts, and processes at the top',
  'read-only',
  'no cgroup at all',
  'not handed down',
];

/** The output of each case, by name. */
function casesOf(output: string): Map<string, string> {
  const parts = output.split(/^=== (.*)\n/m).slice(1);
  return new Map(parts.flatMap((part, index) => (index % 2 === 0 ? [[part, parts[index + 1] ?? ''] as const] : [])));
}

test('works without root, in containers, without cgroups and on cgroup v2', async (t) => {
  t.timeout(600_000);
  if (!(await needsKernel(t, '6.12'))) return;
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-bin-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const words = `#!/bin/sh\nexec ${process.execPath} ${root}/bin/kmem-run.js "$@"\n`;
  writeFileSync(join(folder, 'kmem-run'), words, { mode: 0o755 });
  const machine = await boot(t, await findKernel('6.12'), { retries: 2 });
  const ran = await runScript(machine, script, {
    guest: {
      cgroup: 'v2',
      hostname: 'guest',
      cwd: '/',
      env: { PATH: `${folder}:${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: '/root' },
      argv: ['/bin/bash', '-c', script],
    },
  });
  const { code, signal, lost, error } = ran;
  t.deepEqual({ code, signal, lost, error }, exited(0), ran.stderr);
  const cases = casesOf(ran.stdout);
  const missing = (name: string): string[] =>
    [...(cases.get(name) ?? '').matchAll(/✗ (.*)/g)].map(([, said]) => said ?? '');

  for (const name of EVERY) t.regex(cases.get(name) ?? '', /^then 0$/m, name);
  t.deepEqual([...cases.keys()], [...EVERY, 'end']);

  t.deepEqual(missing('as root'), []);
  const user = cases.get('ordinary user') ?? '';
  t.regex(user, /hint: delegate a cgroup to yourself and move this shell there: sudo sh -c '.*--kernel NAME/);
  t.regex(user, /\n65534\nNoNewPrivs:\t1\n/);
  t.regex(user, /setuid programs lost their privilege/);

  const [older = '', full = '', ...others] = missing('older mounts, and processes at the top');
  t.regex(older, /^hierarchies .*is older than the cgroup namespace and does not show kmem-run's own cgroup$/);
  t.regex(full, /^group .*because it has processes \(EBUSY\)$/);
  t.deepEqual(others, []);
  t.regex(
    cases.get('older mounts, and processes at the top') ?? '',
    /· container .*: 1 namespace of its own \(cgroup\)/,
  );

  t.regex(missing('read-only').join('\n'), /^group .*\(EROFS\)$/);
  t.regex(missing('no cgroup at all').join('\n'), /^hierarchies .*\(no cgroup file system is mounted\)$/);
  t.regex(
    missing('not handed down')[0] ?? '',
    /^hierarchies .*the controller is not delegated to \/sys\/fs\/cgroup\)$/,
  );
});
