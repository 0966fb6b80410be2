/** Namespaces, cgroups and folders for one batch; all of it goes, even if this process is killed. */

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeSandbox } from '../cgroup/sandbox.ts';
import { JOIN } from '../harness.ts';
import type { Batch, Line } from './inside.ts';

/** Enough for some crowds of kinds.ts at once. */
const MOST_PROCESSES = 4000;

/**
 * Outlives this process: at the end of its input it kills what is in the cgroups, and removes them and the folder. What is
 * being killed may take a moment, and a helper may be removing the same.
 */
const SWEEP = `
  cat > /dev/null
  folder=$1; shift
  left=1
  for try in $(seq 1 600); do
    for group; do
      find "$group" -depth -type d 2> /dev/null | while read -r each; do
        for pid in $(cat "$each/cgroup.procs" 2> /dev/null); do kill -KILL "$pid"; done
        rmdir "$each"
      done 2> /dev/null
    done
    left=; for group; do [ -e "$group" ] && left=1; done
    [ -z "$left" ] && break
    sleep 0.1
  done
  rm -rf "$folder"`;

/** Mounts of its own, over which nothing of the machine's can be seen; kernels are only read. Orphans are this shell's. */
const ENTER = `
  mkdir -p -m 700 /run/kmem-run
  mount -t tmpfs -o mode=700 tmpfs /run/kmem-run
  mount -t tmpfs tmpfs /dev/shm
  if [ -n "$KERNELS" ]; then mkdir -p "$HOME/.cache/kmem-run/kernels"; mount --bind "$KERNELS" "$HOME/.cache/kmem-run/kernels"; fi
  "$@"; exit $?`;

export type Asked = Pick<Batch, 'choice' | 'numbers' | 'jobs' | 'isolated'>;

/** Resolves when nothing of it is there any more. `take`: each line as it comes. */
export async function runBatch(asked: Asked, take: (line: Line) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-chaos-'));
  // The sweeper removes it.
  const { memory, pids, unified, joins } = makeSandbox({ teardown: () => {} });
  const groups = [...new Set([memory, pids, unified])];
  writeFileSync(`${pids}/pids.max`, `${MOST_PROCESSES}`);
  const sweeper = spawn('sh', ['-c', SWEEP, 'sh', folder, ...groups], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  const swept = new Promise((resolve) => sweeper.once('exit', resolve));
  try {
    const home = join(folder, 'home');
    for (const each of [folder, home, join(folder, 'tmp')]) {
      if (!existsSync(each)) mkdirSync(each);
      chmodSync(each, 0o755);
    }
    chmodSync(join(folder, 'tmp'), 0o1777);
    const batch: Batch = { ...asked, folder, groups, elsewhere: makeElsewhere(groups) };
    const namespaces = ['--mount', ...(asked.isolated ? ['--pid', '--net', '--fork', '--mount-proc'] : [])];
    const inside = [process.execPath, join(import.meta.dirname, 'inside.ts'), JSON.stringify(batch)];
    const child = spawn('sh', ['-c', JOIN, 'sh', 'unshare', ...namespaces, 'sh', '-ec', ENTER, 'sh', ...inside], {
      env: environmentIn(folder, joins, asked.choice.kernel !== null),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    for await (const line of createInterface({ input: child.stdout })) take(JSON.parse(line));
    const status = await ended;
    if (status !== 0) take({ batch: [`the batch ended with ${status}`] });
  } finally {
    sweeper.stdin.end();
    await swept;
  }
}

function makeElsewhere(groups: readonly string[]): readonly string[] {
  return groups.map((group) => {
    mkdirSync(`${group}/elsewhere`);
    return `${group}/elsewhere/cgroup.procs`;
  });
}

function environmentIn(folder: string, joins: readonly string[], boots: boolean): Record<string, string> {
  const { PATH = '/usr/bin:/bin', KMEM_RUN_TEST_FIXTURES, KMEM_RUN_TEST_SLOWNESS } = process.env;
  const kernels = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'kmem-run', 'kernels');
  return {
    PATH,
    LANG: 'C.UTF-8',
    HOME: join(folder, 'home'),
    TMPDIR: join(folder, 'tmp'),
    JOINS: joins.join(' '),
    KERNELS: boots ? kernels : '',
    ...(KMEM_RUN_TEST_FIXTURES === undefined ? {} : { KMEM_RUN_TEST_FIXTURES }),
    ...(KMEM_RUN_TEST_SLOWNESS === undefined ? {} : { KMEM_RUN_TEST_SLOWNESS }),
  };
}
