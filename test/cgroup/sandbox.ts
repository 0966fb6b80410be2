/** Real cgroups under the test's own, so that tests neither see nor touch other runs. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { runLeaf } from '../../src/cgroup/files.ts';
import { createGroup } from '../../src/cgroup/group.ts';
import { mountedHierarchies, readHierarchies } from '../../src/cgroup/hierarchies.ts';
import { nestedGroups } from '../../src/cgroup/nested.ts';
import type { Group, GroupDirectories, Hierarchies, Hierarchy } from '../../src/cgroup/types.ts';
import { slowness } from '../needs.ts';

export const NOBODY = 65_534;

export type Sandbox = Readonly<{
  /** The machine's hierarchies with the sandbox's directories as the runner's own cgroups. */
  hierarchies: Hierarchies;
  memory: string;
  unified: string;
  pids: string;
  /**
   * Directories that a runner joins to run in the sandbox. On v2 a leaf: a cgroup with processes passes no controllers
   * down.
   */
  joins: readonly string[];
  id: string;
  group(options?: { pids?: boolean }): Group;
}>;

/** Its end ends the sandbox. */
type Owner = Readonly<{ teardown: (work: () => unknown) => void }>;

/** Fails the test if there is neither v1 memory and pids with a unified hierarchy beside them, nor v2 with both. */
export function makeSandbox(t: Owner): Sandbox {
  const id = randomBytes(6).toString('hex');
  const found = readHierarchies();
  return found.memory?.version === 2 ? makeUnifiedSandbox(t, id, found) : makeSeparateSandbox(t, id, found);
}

function makeUnifiedSandbox(t: Owner, id: string, found: Hierarchies): Sandbox {
  const unified = within(found.memory, id);
  const runner = `${unified.own}/runner`;
  writeFileSync(`${dirname(unified.own)}/cgroup.subtree_control`, CONTROLLERS);
  mkdirSync(unified.own);
  t.teardown(() => wipe([unified.own]));
  writeFileSync(`${unified.own}/cgroup.subtree_control`, CONTROLLERS);
  mkdirSync(runner);
  writeFileSync(`${unified.own}/pids.max`, String(MOST_PROCESSES));
  return asSandbox(id, { layout: found.layout, memory: unified, unified, pids: unified }, [runner]);
}

function makeSeparateSandbox(t: Owner, id: string, found: Hierarchies): Sandbox {
  const memory = within(found.memory, id);
  const unified = within(found.unified, id);
  const pids = within(found.pids, id);
  for (const { own } of [memory, unified, pids]) mkdirSync(own);
  // A bomb that a broken kill does not stop must not take down the machine.
  writeFileSync(`${pids.own}/pids.max`, String(MOST_PROCESSES));
  t.teardown(() => wipe([unified.own, memory.own, pids.own]));
  return asSandbox(id, { layout: found.layout, memory, unified, pids }, [memory.own, pids.own, unified.own]);
}

type Owned = Hierarchy & { own: string };

function asSandbox(
  id: string,
  hierarchies: Hierarchies & Readonly<{ memory: Owned; unified: Owned; pids: Owned }>,
  joins: readonly string[],
): Sandbox {
  return {
    hierarchies,
    memory: hierarchies.memory.own,
    unified: hierarchies.unified.own,
    pids: hierarchies.pids.own,
    joins,
    id,
    group: ({ pids: inPids = true } = {}) => createGroup({ id, hierarchies, parent: null, pids: inPids }),
  };
}

/** The same, seen as if only the sandbox were mounted: for code that walks whole hierarchies. */
export function asMounts({ memory, unified, pids, layout }: Hierarchies): Hierarchies {
  const rooted = (hierarchy: Hierarchy | null) => hierarchy && { ...hierarchy, mountPoint: hierarchy.own ?? '' };
  return { layout, memory: rooted(memory), unified: rooted(unified), pids: rooted(pids) };
}

/** Version of this machine's memory controller. The other version is tested in a microVM: test/vm/v2-*.test.ts. */
export const version: 1 | 2 = readHierarchies().memory?.version ?? 1;

/** In a sandbox. */
export const MOST_PROCESSES = 400;

/** A cgroup of the memory hierarchy in the sandbox, which passes its controllers down. */
export function makeWithin({ memory }: Sandbox, ...names: string[]): string {
  return names.reduce((above, name) => {
    const directory = `${above}/${name}`;
    mkdirSync(directory);
    if (version === 2) writeFileSync(`${directory}/cgroup.subtree_control`, CONTROLLERS);
    return directory;
  }, memory);
}

const CONTROLLERS = '+memory +pids';

/** Gives a cgroup of the sandbox to a user as a delegation does, and lets processes be moved into it. */
export function delegate({ memory }: Sandbox, directory: string, uid: number): void {
  const files = version === 1 ? ['/tasks', '/cgroup.procs'] : ['/cgroup.procs', '/cgroup.subtree_control'];
  for (const file of ['', ...files]) chownSync(directory + file, uid, uid);
  if (version === 2) chownSync(`${memory}/cgroup.procs`, uid, uid);
}

/** The runs' groups in the sandbox, including nested ones. */
export function groupsIn({ memory }: Sandbox): string[] {
  return nestedGroups(memory).filter((directory) => basename(directory).startsWith('kmem-run.'));
}

/** The directories by which a process joins a group. */
export function joinsOf({ version, memory, directories }: Group): readonly string[] {
  return version === 1 ? directories : [runLeaf(memory)];
}

/** The group as it would be without some of its hierarchies. */
export function without(group: Group, ...kinds: ('unified' | 'pids')[]): Group {
  const kept = { ...group };
  for (const kind of kinds) kept[kind] = null;
  return {
    ...kept,
    directories: group.directories.filter((directory) => kinds.every((kind) => group[kind] !== directory)),
  };
}

const JOINED = 'echo joined';

/** Runs a program that joins the cgroups first and is killed at the end of the test. Its stdin and stdout are pipes. */
export function spawnIn(t: ExecutionContext, directories: readonly string[], command: readonly string[]): ChildProcess {
  const joins = directories.map((directory) => `echo $$ > ${directory}/cgroup.procs`);
  const script = [...joins, JOINED, 'exec "$@"'].join(' && ');
  const child = spawn('sh', ['-c', script, 'sh', ...command], { stdio: ['pipe', 'pipe', 'ignore'] });
  linesOf.set(child, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

/** Does the same, and waits until it has joined and runs the program. */
export async function startIn(
  t: ExecutionContext,
  directories: readonly string[],
  command: readonly string[],
): Promise<ChildProcess & { pid: number }> {
  const child = spawnIn(t, directories, command);
  await nextLine(child);
  await until(() => !wordsOf(child.pid).includes(JOINED));
  return child as ChildProcess & { pid: number };
}

/** Empty if it is gone. */
function wordsOf(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** What the program prints next. */
export async function nextLine(child: ChildProcess): Promise<string> {
  const next = await linesOf.get(child)?.next();
  if (next === undefined || next.done) throw new Error('the program has ended');
  return next.value;
}

const linesOf = new WeakMap<ChildProcess, AsyncIterator<string>>();

/** Polls until the condition holds. Gives up before the test runner, whose timeout would leave everything behind. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000 * slowness;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition}`);
    await sleep(5);
  }
}

/** R, S, T, D, Z …; null if gone. */
export function stateOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2);
  } catch {
    return null;
  }
}

/** A directory of the v1 freezer, thawed and removed at the end. */
export function makeFreezer(t: ExecutionContext): string {
  const freezer = mountedHierarchies().find(({ controllers }) => controllers.includes('freezer'));
  const directory = `${freezer?.mountPoint}/kmem-test.${randomBytes(6).toString('hex')}`;
  mkdirSync(directory);
  t.teardown(async () => {
    writeFileSync(`${directory}/freezer.state`, 'THAWED');
    await wipe([directory]);
  });
  return directory;
}

/** Kills and removes without the code under test: if that is broken, the test still leaves nothing behind. */
async function wipe(directories: readonly string[]): Promise<void> {
  await until(() => directories.every(isWiped));
}

function isWiped(directory: string): boolean {
  if (!existsSync(directory)) return true;
  try {
    const nested = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of nested) isWiped(`${directory}/${name}`);
    for (const pid of readFileSync(`${directory}/cgroup.procs`, 'latin1').split('\n').map(Number)) {
      if (pid !== 0 && pid !== process.pid) kill(pid);
    }
    rmdirSync(directory);
    return true;
  } catch {
    // It is not empty, or a helper that was killed is removing it right now.
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

export function asGroup(id: string, directories: readonly string[]): GroupDirectories {
  return { id, name: `kmem-test.${id}`, memory: null, unified: null, pids: null, directories };
}

/** Runs synchronous work as another user, using the effective ids of this process. */
export function asUser<T>(uid: number, work: () => T): T {
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([]);
  process.setegid?.(uid);
  process.seteuid?.(uid);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}

function within(hierarchy: Hierarchy | null, id: string): Owned {
  if (hierarchy?.own == null)
    throw new Error('these tests need cgroup v1 memory and pids and a unified hierarchy, or v2 with both');
  return { ...hierarchy, own: `${hierarchy.own}/kmem-test.${id}` };
}
