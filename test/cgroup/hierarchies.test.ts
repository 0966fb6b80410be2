import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { cgroupOf, readHierarchies, sameCgroup } from '../../src/cgroup/hierarchies.ts';

function none() {
  return [];
}

function read(mountinfo: string, selfCgroup: string, controllersOf: (directory: string) => readonly string[] = none) {
  return readHierarchies({ mountinfo, selfCgroup, controllersOf });
}

const V1_MOUNTS = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 22 0:28 / /sys/fs/cgroup rw,relatime shared:9 - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:12 - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:13 - cgroup cgroup rw,cpu,cpuacct
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime shared:14 - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/lib/systemd/agent,name=systemd
`;
const V1_SELF = `8:pids:/user.slice/user-0.slice
4:memory:/user.slice/user:1.slice
3:cpu,cpuacct:/user.slice
1:name=systemd:/user.slice
`;
const UNIFIED_MOUNT = '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n';

test('v1: each controller is found at its mount, even with colons in a path', (t) => {
  const { layout, memory, unified, pids } = read(V1_MOUNTS, V1_SELF);
  t.is(layout, 'v1');
  t.is(unified, null);
  t.deepEqual(memory, {
    version: 1,
    controllers: ['memory'],
    mountPoint: '/sys/fs/cgroup/memory',
    mountRoot: '/',
    own: '/sys/fs/cgroup/memory/user.slice/user:1.slice',
    readOnly: false,
  });
  t.is(pids?.own, '/sys/fs/cgroup/pids/user.slice/user-0.slice');
});

test('hybrid: v1 controllers alongside the unified hierarchy', (t) => {
  const asked: string[] = [];
  const { layout, memory, unified } = read(
    V1_MOUNTS + UNIFIED_MOUNT,
    `${V1_SELF}0::/user.slice/a.scope\n`,
    (directory) => {
      asked.push(directory);
      return ['hugetlb'];
    },
  );
  t.is(layout, 'hybrid');
  t.is(memory?.version, 1);
  t.is(unified?.own, '/sys/fs/cgroup/unified/user.slice/a.scope');
  t.deepEqual(unified?.controllers, ['hugetlb']);
  t.deepEqual(asked, ['/sys/fs/cgroup/unified']);
});

test('hybrid with the memory controller on the unified side', (t) => {
  const mounts = V1_MOUNTS.replace(/.*,memory\n/, '') + UNIFIED_MOUNT;
  const { layout, memory } = read(mounts, V1_SELF.replace(/.*memory.*\n/, '0::/x\n'), () => ['memory']);
  t.is(layout, 'hybrid');
  t.is(memory?.version, 2);
});

test('v2 only', (t) => {
  const mounts = '30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n';
  const { layout, memory, unified, pids } = read(mounts, '0::/user.slice/x.scope\n', () => ['cpu', 'memory', 'pids']);
  t.is(layout, 'v2');
  t.is(memory, unified);
  t.is(pids, unified);
  t.is(unified?.own, '/sys/fs/cgroup/user.slice/x.scope');
});

test('v2 with only a named v1 hierarchy is v2; memory is null without its controller', (t) => {
  const mounts = `40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n${UNIFIED_MOUNT}`;
  const { layout, memory } = read(mounts, '1:name=systemd:/\n0::/\n', () => ['cpu']);
  t.is(layout, 'v2');
  t.is(memory, null);
});

test('nothing mounted', (t) => {
  const empty = { layout: 'none', memory: null, unified: null, pids: null } as const;
  t.deepEqual(read('', ''), empty);
  t.deepEqual(read('22 1 254:0 / / rw - ext4 /dev/vda rw\n', V1_SELF), empty);
});

test('a container on v1: the mount root is stripped from the cgroup path', (t) => {
  const mounts = V1_MOUNTS.replace('0:32 / ', '0:32 /docker/ab12 ');
  t.is(read(mounts, '4:memory:/docker/ab12\n').memory?.own, '/sys/fs/cgroup/memory');
  t.is(read(mounts, '4:memory:/docker/ab12/inner\n').memory?.own, '/sys/fs/cgroup/memory/inner');
});

test('a cgroup that the mount does not show is null, never another directory', (t) => {
  const docker = V1_MOUNTS.replace('0:32 / ', '0:32 /docker/ab12 ');
  t.is(read(docker, '4:memory:/docker/ab123\n').memory?.own, null);
  t.is(read(docker, '4:memory:/\n').memory?.own, null);
  // cgroup_namespaces(7): a mount made outside the namespace, and a process above its root.
  const outside = V1_MOUNTS.replace('0:32 / ', '0:32 /../.. ');
  t.is(read(outside, '4:memory:/\n').memory?.own, null);
  t.is(read(outside, '4:memory:/../../x\n').memory?.own, '/sys/fs/cgroup/memory/x');
  t.is(read(V1_MOUNTS, '4:memory:/../x\n').memory?.own, null);
});

test('octal escapes in a mount point', (t) => {
  const mounts = V1_MOUNTS.replace('/sys/fs/cgroup/memory', String.raw`/sys/fs/cgroup/a\040b\011c\134d`);
  t.is(read(mounts, V1_SELF).memory?.mountPoint, '/sys/fs/cgroup/a b\tc\\d');
});

test('a mount or a file system can be read-only', (t) => {
  t.true(read(V1_MOUNTS.replace('memory rw,', 'memory ro,'), V1_SELF).memory?.readOnly);
  t.true(read(V1_MOUNTS.replace('rw,memory', 'ro,memory'), V1_SELF).memory?.readOnly);
  t.false(read(V1_MOUNTS, V1_SELF).memory?.readOnly);
});

test('among several mounts, one that shows kmem-run’s cgroup is preferred, then a writable one', (t) => {
  const readOnly = V1_MOUNTS.replace('memory rw,', 'memory ro,');
  const elsewhere = '90 22 0:32 / /mnt/memory rw - cgroup cgroup rw,memory\n';
  t.is(read(readOnly + elsewhere, V1_SELF).memory?.mountPoint, '/mnt/memory');
  const deeper = '90 22 0:32 /system.slice /mnt/memory rw - cgroup cgroup rw,memory\n';
  t.is(read(readOnly + deeper, V1_SELF).memory?.mountPoint, '/sys/fs/cgroup/memory');
});

test('a mount hidden by another one is ignored', (t) => {
  const over = (line: string) => read(V1_MOUNTS + line, V1_SELF).memory?.mountPoint ?? null;
  t.is(over('91 31 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n'), null);
  t.is(over('91 35 0:50 / /sys/fs/cgroup/memory rw - tmpfs tmpfs rw\n'), null);
  t.is(over('91 22 0:50 / /sys/fs rw - tmpfs tmpfs rw\n'), null);
  t.is(over('91 22 0:50 / /sys/fs/cgroup2 rw - tmpfs tmpfs rw\n'), '/sys/fs/cgroup/memory');
  t.is(over('91 35 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n'), '/sys/fs/cgroup/memory');
});

test('controllers can share a mount', (t) => {
  const mounts = '35 31 0:32 / /cg/mp rw - cgroup cgroup rw,memory,pids\n';
  const { memory, pids } = read(mounts, '4:memory,pids:/a\n');
  t.is(memory, pids);
  t.is(memory?.own, '/cg/mp/a');
});

test('any text is parsed without an exception', (t) => {
  const field = fc.constantFrom(
    '1',
    '2',
    '/',
    '/a',
    '/a/b',
    '/..',
    'rw',
    '-',
    'cgroup',
    'cgroup2',
    'rw,memory',
    '0:1',
    '',
  );
  const line = fc.array(field, { maxLength: 12 }).map((fields) => fields.join(' '));
  const mountinfo = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'));
  const selfCgroup = fc.oneof(
    fc.string(),
    fc.constantFrom('4:memory:/a/b', '0::/..', '4:memory:', '::', '4:memory:/\n0::/'),
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.oneof(mountinfo, fc.string()), selfCgroup, (mounts, self) => {
        const { memory } = read(mounts, self);
        return memory === null || memory.own === null || memory.own.startsWith('/');
      }),
    ),
  );
});

test('any path below the mount root maps to one below the mount point', (t) => {
  const name = fc.stringMatching(/^[a-z][a-z.:]{0,5}$/);
  const path = fc.array(name, { maxLength: 4 }).map((names) => names.map((one) => `/${one}`).join(''));
  fc.assert(
    fc.property(path, path, (root, inside) => {
      const mounts = `35 31 0:32 ${root || '/'} /cg rw - cgroup cgroup rw,memory`;
      t.is(read(mounts, `4:memory:${root + inside || '/'}`).memory?.own, `/cg${inside}`);
    }),
  );
});

test('the same cgroup is found in another hierarchy, despite mount roots', (t) => {
  const mounts = `35 31 0:32 /docker/a /cg/memory rw - cgroup cgroup rw,memory
39 31 0:36 / /cg/pids rw - cgroup cgroup rw,pids
41 31 0:38 /docker/b /cg/unified rw - cgroup2 cgroup2 rw\n`;
  const { memory, pids, unified } = read(mounts, '4:memory:/docker/a\n8:pids:/\n0::/docker/b\n');
  if (!memory || !pids || !unified) return t.fail();
  t.is(sameCgroup('/cg/memory/x', memory, pids), '/cg/pids/docker/a/x');
  t.is(sameCgroup('/cg/memory', memory, pids), '/cg/pids/docker/a');
  t.is(sameCgroup('/cg/pids/docker/a', pids, memory), '/cg/memory');
  t.is(sameCgroup('/cg/memory/x', memory, unified), null);
  t.is(sameCgroup('/elsewhere', memory, pids), null);
});

test('this machine: this process is listed in its cgroups, and a child’s cgroup is found by its pid', (t) => {
  const { memory, unified, pids } = readHierarchies();
  for (const hierarchy of [memory, unified, pids]) {
    t.truthy(hierarchy?.own);
    const listed = readFileSync(`${hierarchy?.own}/cgroup.procs`, 'latin1').split('\n');
    t.true(listed.includes(String(process.pid)));
    t.is(hierarchy && cgroupOf(process.pid, hierarchy), hierarchy?.own ?? null);
  }
});
