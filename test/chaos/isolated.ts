/** Namespaces, cgroups and folders for a program; all are removed, even if this process is killed. */

import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeSandbox } from '../cgroup/sandbox.ts';
import { JOIN } from '../harness.ts';

const kernels = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'kmem-run', 'kernels');

/** Enough for some runs of the kind leave-children at once. */
const MOST_PROCESSES = 4000;

/**
 * Outlives this process: at the end of its input it kills the processes in the cgroups and removes the cgroups and the
 * folder. Killed processes may take a moment, and a helper may be removing the same cgroups.
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

/**
 * Private mounts, which hide the machine's runs; kernels are only read. The hierarchies start at these cgroups, so that
 * `gc` finds no others. Orphans become this shell's children.
 */
function enterLines(bound: ReadonlyMap<string, string>): string {
  const places = [...bound].map(([from, to]) => `mount --bind '${from}' '${to}'`);
  return `
    mkdir -p -m 700 /run/kmem-run
    mount -t tmpfs -o mode=700 tmpfs /run/kmem-run
    mount -t tmpfs tmpfs /dev/shm
    ${places.join('\n')}
    "$@"; exit $?`;
}

/** What a program in there gets besides its own input. */
export type Surroundings = Readonly<{
  folder: string;
  /** Mount points of the hierarchies, which contain no foreign cgroups. */
  groups: readonly string[];
  /** The `cgroup.procs` of a cgroup of each hierarchy that a command may move to. */
  elsewhere: readonly string[];
}>;

export type Isolated = Readonly<{
  /** A file beside this one: its last argument is JSON, and so is each line that it prints. */
  program: string;
  given: object;
  /** In a PID namespace and a network namespace too. */
  isolated: boolean;
  /** It boots the user's kernels. */
  boots: boolean;
}>;

/** Resolves with the program's exit status when nothing of it is left. `take`: receives each line as it arrives. */
export async function runIsolated<Line>(isolatedProgram: Isolated, take: (line: Line) => void): Promise<number | null> {
  const { program, given, isolated, boots } = isolatedProgram;
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-chaos-'));
  // The sweeper removes it.
  const { memory, pids, unified, joins, hierarchies } = makeSandbox({ teardown: () => {} });
  const groups = [...new Set([memory, pids, unified])];
  const mountPoints = [hierarchies.memory, hierarchies.pids, hierarchies.unified].map((each) => each?.mountPoint ?? '');
  const sweeper = spawn('sh', ['-c', SWEEP, 'sh', folder, ...groups], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  const swept = new Promise((resolve) => sweeper.once('exit', resolve));
  try {
    writeFileSync(`${pids}/pids.max`, `${MOST_PROCESSES}`);
    for (const name of ['tmp', 'home/.cache/kmem-run/kernels'])
      mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
    // Commands of other users run there.
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'tmp'), 0o1777);
    for (const group of groups) mkdirSync(`${group}/elsewhere`);
    // On v2 they are one.
    const bound = new Map([memory, pids, unified].map((group, index) => [group, mountPoints[index] ?? '']));
    if (boots) bound.set(kernels, join(folder, 'home/.cache/kmem-run/kernels'));
    const places = [...new Set(mountPoints)];
    const elsewhere = places.map((place) => `${place}/elsewhere/cgroup.procs`);
    const surroundings: Surroundings = { folder, groups: places, elsewhere };
    const namespaces = ['--mount', ...(isolated ? ['--pid', '--net', '--fork', '--mount-proc'] : [])];
    const words = [process.execPath, join(import.meta.dirname, program), JSON.stringify({ ...given, ...surroundings })];
    const child = spawn(
      'sh',
      ['-c', JOIN, 'sh', 'unshare', ...namespaces, 'sh', '-ec', enterLines(bound), 'sh', ...words],
      {
        env: environmentIn(folder, joins),
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    for await (const line of createInterface({ input: child.stdout })) take(JSON.parse(line));
    return await ended;
  } finally {
    sweeper.stdin.end();
    await swept;
  }
}

function environmentIn(folder: string, joins: readonly string[]): Record<string, string> {
  const { PATH = '/usr/bin:/bin', KMEM_RUN_TEST_FIXTURES, KMEM_RUN_TEST_SLOWNESS } = process.env;
  return {
    PATH,
    LANG: 'C.UTF-8',
    HOME: join(folder, 'home'),
    TMPDIR: join(folder, 'tmp'),
    JOINS: joins.join(' '),
    ...(KMEM_RUN_TEST_FIXTURES === undefined ? {} : { KMEM_RUN_TEST_FIXTURES }),
    ...(KMEM_RUN_TEST_SLOWNESS === undefined ? {} : { KMEM_RUN_TEST_SLOWNESS }),
  };
}
