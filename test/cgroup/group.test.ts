import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { createGroup } from '../../src/cgroup/group.ts';
import { readHierarchies } from '../../src/cgroup/hierarchies.ts';
import { removeGroup } from '../../src/cgroup/remove.ts';
import type { Hierarchies } from '../../src/cgroup/types.ts';
import { SetupError } from '../../src/errors.ts';
import { where } from '../needs.ts';
import { asUser, makeSandbox, NOBODY, type Sandbox, startIn, version } from './sandbox.ts';

/** Behaviour specific to v1; test/vm/v2-cgroup.test.ts covers v2. */
const v1Test = where(version === 1, 'cgroup v1', test);

type Expected = Readonly<{ code: string; message?: RegExp; hint?: RegExp }>;

function refused(t: ExecutionContext, work: () => unknown, { code, message = /./, hint = /./ }: Expected): void {
  const error = t.throws(work, { instanceOf: SetupError });
  t.is(error?.code, code, error?.message);
  t.regex(error?.message ?? '', message);
  t.regex(error?.hint ?? '', hint);
  t.notRegex(`${error?.message}${error?.hint}`, /\n/);
}

function nothingMade(t: ExecutionContext, { memory, unified, pids }: Sandbox): void {
  for (const directory of [memory, unified, pids]) t.is(statSync(directory).nlink, 2, directory);
}

v1Test('a group is created under kmem-run’s cgroup in each hierarchy, and removed without a trace', async (t) => {
  const sandbox = makeSandbox(t);
  const group = createGroup({ id: 'ab-1_Z', hierarchies: sandbox.hierarchies, parent: null, pids: true });
  t.deepEqual(group, {
    id: 'ab-1_Z',
    name: 'kmem-run.ab-1_Z',
    version: 1,
    memory: `${sandbox.memory}/kmem-run.ab-1_Z`,
    kmem: `${sandbox.memory}/kmem-run.ab-1_Z`,
    unified: `${sandbox.unified}/kmem-run.ab-1_Z`,
    pids: `${sandbox.pids}/kmem-run.ab-1_Z`,
    directories: [
      `${sandbox.memory}/kmem-run.ab-1_Z`,
      `${sandbox.unified}/kmem-run.ab-1_Z`,
      `${sandbox.pids}/kmem-run.ab-1_Z`,
    ],
  });
  for (const directory of group.directories) t.true(existsSync(`${directory}/cgroup.procs`));
  await removeGroup(group);
  nothingMade(t, sandbox);
});

v1Test('the pids controller is joined only on request', (t) => {
  const sandbox = makeSandbox(t);
  const group = sandbox.group({ pids: false });
  t.is(group.pids, null);
  t.is(group.directories.length, 2);
  t.is(statSync(sandbox.pids).nlink, 2);
});

v1Test('a process can join all of the group’s directories', async (t) => {
  const group = makeSandbox(t).group();
  const child = await startIn(t, group.directories, ['sleep', '1000']);
  t.is(child.exitCode, null);
});

v1Test('on pure v1 there is no unified directory', (t) => {
  const sandbox = makeSandbox(t);
  const hierarchies: Hierarchies = { ...sandbox.hierarchies, layout: 'v1', unified: null };
  const group = createGroup({ id: 'a', hierarchies, parent: null, pids: true });
  t.is(group.unified, null);
  t.is(group.directories.length, 2);
});

v1Test('controllers that share a hierarchy share the directory', (t) => {
  const sandbox = makeSandbox(t);
  const hierarchies: Hierarchies = { ...sandbox.hierarchies, pids: sandbox.hierarchies.memory };
  const group = createGroup({ id: 'a', hierarchies, parent: null, pids: true });
  t.is(group.pids, group.memory);
  t.is(group.directories.length, 2);
});

test('an id that could not be found again is rejected', (t) => {
  const { hierarchies } = makeSandbox(t);
  for (const id of ['', '..', 'a/b', 'a b', 'a\n', 'x'.repeat(65)]) {
    t.throws(() => createGroup({ id, hierarchies, parent: null, pids: false }), { instanceOf: RangeError }, id);
  }
});

test('a second group with the same id is rejected, and the first is kept', (t) => {
  const sandbox = makeSandbox(t);
  const group = sandbox.group();
  refused(t, () => sandbox.group(), { code: 'group-not-made', message: /EEXIST/ });
  for (const directory of group.directories) t.true(existsSync(directory));
});

v1Test('if a later directory cannot be created, the earlier ones are removed', (t) => {
  const sandbox = makeSandbox(t);
  mkdirSync(`${sandbox.pids}/kmem-run.${sandbox.id}`);
  refused(t, () => sandbox.group(), { code: 'group-not-made', message: /kmem-test.*EEXIST/ });
  rmdirSync(`${sandbox.pids}/kmem-run.${sandbox.id}`);
  nothingMade(t, sandbox);
});

v1Test('--parent: created there, and in the other hierarchies if the same cgroup exists there', (t) => {
  const sandbox = makeSandbox(t);
  const parent = `${sandbox.memory}/mine`;
  for (const directory of [sandbox.memory, sandbox.unified, sandbox.pids]) mkdirSync(`${directory}/mine`);
  // As if the sandbox's directories were one cgroup in all hierarchies.
  const { memory, unified, pids } = sandbox.hierarchies;
  const root = (directory: string) => ({ mountPoint: directory, mountRoot: '/' });
  const hierarchies: Hierarchies = {
    layout: 'hybrid',
    memory: memory && { ...memory, ...root(sandbox.memory) },
    unified: unified && { ...unified, ...root(sandbox.unified) },
    pids: pids && { ...pids, ...root(sandbox.pids) },
  };
  const group = createGroup({ id: 'a', hierarchies, parent: `${parent}/`, pids: true });
  t.deepEqual(group.directories, [
    `${parent}/kmem-run.a`,
    `${sandbox.unified}/mine/kmem-run.a`,
    `${sandbox.pids}/mine/kmem-run.a`,
  ]);
});

v1Test('--parent: a hierarchy without that cgroup uses kmem-run’s own', (t) => {
  const sandbox = makeSandbox(t);
  mkdirSync(`${sandbox.memory}/mine`);
  const { hierarchies } = sandbox;
  const group = createGroup({ id: 'a', hierarchies, parent: `${sandbox.memory}/mine`, pids: true });
  t.is(group.memory, `${sandbox.memory}/mine/kmem-run.a`);
  t.is(group.unified, `${sandbox.unified}/kmem-run.a`);
  t.is(group.pids, `${sandbox.pids}/kmem-run.a`);
});

v1Test('--parent must be a cgroup directory of the memory controller', (t) => {
  const sandbox = makeSandbox(t);
  const elsewhere = mkdtempSync(`${tmpdir()}/kmem-test-`);
  t.teardown(() => rmdirSync(elsewhere));
  const parented = (parent: string) => () =>
    createGroup({ id: 'a', hierarchies: sandbox.hierarchies, parent, pids: true });
  const cases: [string, RegExp][] = [
    [elsewhere, /not in a cgroup file system/],
    [`${sandbox.memory}/absent`, /ENOENT/],
    [`${sandbox.memory}/cgroup.procs`, /not a directory/],
    [`${sandbox.memory}/cgroup.procs/x`, /ENOTDIR/],
    ['/sys/fs/cgroup', /not in a cgroup file system/],
    [sandbox.pids, /not in the memory hierarchy/],
    ['relative', /not an absolute path/],
    ['', /not an absolute path/],
  ];
  for (const [parent, message] of cases) {
    refused(t, parented(parent), { code: 'bad-parent', message, hint: /name an existing directory under \/sys/ });
  }
  refused(t, parented(sandbox.unified), { code: 'bad-parent', message: /--parent .* is not on cgroup v1/ });
  nothingMade(t, sandbox);
});

v1Test('layouts without a v1 memory controller are rejected', (t) => {
  const { hierarchies } = makeSandbox(t);
  const make = (changed: Partial<Hierarchies>) => () =>
    createGroup({ id: 'a', hierarchies: { ...hierarchies, ...changed }, parent: null, pids: true });
  // The unified hierarchy of this machine has no memory controller.
  refused(t, make({ layout: 'v2', memory: hierarchies.unified }), {
    code: 'group-not-made',
    message: /no memory controller/,
  });
  refused(t, make({ layout: 'hybrid', memory: null }), { code: 'no-memory-controller', message: /hybrid/ });
  refused(t, make({ layout: 'none', memory: null, unified: null }), {
    code: 'no-memory-controller',
    hint: /mount -t cgroup /,
  });
  refused(t, make({ pids: null }), { code: 'no-pids-controller', hint: /--pids/ });
  refused(t, make({ pids: hierarchies.unified }), { code: 'no-pids-controller' });
});

v1Test('not root: no permission, and nothing is created', (t) => {
  const sandbox = makeSandbox(t);
  refused(t, () => asUser(NOBODY, () => sandbox.group()), {
    code: 'no-permission',
    message: /EACCES/,
    hint: /sudo install -d -o 65534 \S+, then name it: --parent \S+; or .* --kernel NAME .*; or run as root/,
  });
  nothingMade(t, sandbox);
});

v1Test('not root, in an owned memory cgroup: for --pids the hint creates one in each hierarchy', (t) => {
  const sandbox = makeSandbox(t);
  chownSync(sandbox.memory, NOBODY, NOBODY);
  refused(t, () => asUser(NOBODY, () => sandbox.group()), {
    code: 'no-permission',
    hint: new RegExp(
      `sudo install -d -o 65534 ${sandbox.memory}/kmem-65534 \\S+/kmem-65534, .*--parent ${sandbox.memory}/kmem-65534; `,
    ),
  });
  nothingMade(t, sandbox);
});

v1Test('not root, with an owned parent: the unified hierarchy is omitted unless it is owned too', (t) => {
  const sandbox = makeSandbox(t);
  const { hierarchies } = sandbox;
  const parent = `${sandbox.memory}/mine`;
  mkdirSync(parent);
  chownSync(parent, NOBODY, NOBODY);
  const group = asUser(NOBODY, () => createGroup({ id: 'a', hierarchies, parent, pids: false }));
  t.deepEqual(group.directories, [`${parent}/kmem-run.a`]);
  t.is(group.unified, null);
  t.is(statSync(`${group.memory}/cgroup.procs`).uid, NOBODY);
  const asked = () => asUser(NOBODY, () => createGroup({ id: 'b', hierarchies, parent, pids: true }));
  refused(t, asked, {
    code: 'no-permission',
    message: /kmem-test/,
    hint: /sudo install .*\/mine; or leave out --pids/,
  });
  t.false(existsSync(`${parent}/kmem-run.b`));
});

v1Test('not root: an owned unified directory is used only if a process can be moved into it', (t) => {
  const sandbox = makeSandbox(t);
  const { hierarchies } = sandbox;
  const parent = `${sandbox.memory}/mine`;
  mkdirSync(parent);
  for (const directory of [parent, sandbox.unified]) chownSync(directory, NOBODY, NOBODY);
  const make = (id: string) => asUser(NOBODY, () => createGroup({ id, hierarchies, parent, pids: false }));
  t.is(make('a').unified, null);
  chownSync(`${sandbox.unified}/cgroup.procs`, NOBODY, NOBODY);
  t.is(make('b').unified, `${sandbox.unified}/kmem-run.b`);
});

/** Runs createGroup() in a separate process, in namespaces that a shell command prepares. */
function inNamespaces(flags: readonly string[], prepare: string, request: object) {
  const script = fileURLToPath(new URL('create-group.ts', import.meta.url));
  const command = `${prepare} && exec "$0" "$@"`;
  const child = spawnSync(
    'unshare',
    [...flags, 'sh', '-c', command, process.execPath, script, JSON.stringify(request)],
    { encoding: 'utf8' },
  );
  return { stderr: child.stderr, ...JSON.parse(child.stdout || '{}') };
}

v1Test('a read-only cgroupfs is an error', (t) => {
  const sandbox = makeSandbox(t);
  const { mountPoint } = readHierarchies().memory ?? {};
  const request = { id: 'a', parent: sandbox.memory, pids: false };
  const remount = (path: string | undefined) => `mount -o remount,bind,ro ${path}`;
  const found = inNamespaces(['-m'], remount(mountPoint), request);
  t.is(found.code, 'read-only-cgroup', found.stderr);
  t.regex(found.message, /EROFS/);
  t.regex(found.hint, /remount,rw.*--parent DIR/);
  nothingMade(t, sandbox);
});

v1Test('a cgroup namespace under old mounts: kmem-run’s cgroup is not visible, and no other is used', (t) => {
  const { memory } = makeSandbox(t);
  const request = { id: 'a', parent: null, pids: false };
  const found = inNamespaces([], `echo $$ > ${memory}/cgroup.procs && exec unshare -C "$0" "$@"`, request);
  t.is(found.code, 'own-cgroup-unseen', found.stderr);
  t.regex(found.hint, /--parent DIR/);
});

v1Test('a process outside its cgroup namespace gets an error that says to move the shell inside', (t) => {
  const { memory } = makeSandbox(t);
  const request = { id: 'a', parent: null, pids: false };
  // The namespace starts in the sandbox, which the process leaves again; the namespace has its own mounts.
  const procs = `${memory.slice(0, memory.lastIndexOf('/'))}/cgroup.procs`;
  const outside = [
    `echo $$ >${memory}/cgroup.procs`,
    `exec unshare -C -m sh -c 'exec 3>${procs} && umount -l "$1" && mount -t cgroup -o memory cgroup "$1" && echo 0 >&3 && shift && exec "$@"' - ${readHierarchies().memory?.mountPoint} "$0" "$@"`,
  ].join(' && ');
  const found = inNamespaces([], outside, request);
  t.is(found.code, 'own-cgroup-unseen', found.stderr);
  t.regex(found.message, /outside its cgroup namespace/);
  t.regex(found.hint, /echo \$\$ >\/sys\/fs\/cgroup\/memory\/cgroup\.procs/);
});

test('a missing cgroupfs is an error', (t) => {
  const request = { id: 'a', parent: null, pids: false };
  const found = inNamespaces(['-m'], 'mount -t tmpfs none /sys/fs/cgroup', request);
  t.is(found.code, 'no-memory-controller', found.stderr);
});

v1Test('older kernels: a group is made hierarchical so that its limits hold for nested groups', (t) => {
  const { memory, hierarchies } = makeSandbox(t);
  const group = createGroup({ id: 'a', hierarchies, parent: memory, pids: false });
  t.true(readdirSync(group.memory).includes('memory.use_hierarchy'));
  t.notThrows(() => writeFileSync(`${group.memory}/memory.use_hierarchy`, '1'));
});
