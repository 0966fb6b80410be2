import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { parseAmount } from '../../src/cgroup/files.ts';
import { createGroup } from '../../src/cgroup/group.ts';
import { applyLimits, readAncestorLimits } from '../../src/cgroup/limits.ts';
import { SetupError } from '../../src/errors.ts';
import type { Limits } from '../../src/request/run-spec.ts';
import { where } from '../needs.ts';
import { asGroup, joinsOf, makeSandbox, startIn, version } from './sandbox.ts';

/** Behaviour specific to v1; test/vm/v2-cgroup.test.ts covers v2. */
const v1Test = where(version === 1, 'cgroup v1', test);

const M = 1_048_576;
const NONE: Limits = { kmem: null, mem: null, memsw: null, kmemTcp: null, pids: null };
const GATE = { native: false };

function notSet(t: ExecutionContext, work: () => unknown, code: string, message: RegExp): SetupError {
  const error = t.throws(work, { instanceOf: SetupError }) as SetupError;
  t.is(error.code, code);
  t.regex(error.message, message);
  t.notRegex(error.message + error.hint, /\n/);
  return error;
}

v1Test('every limit is set in the kernel and returned as the kernel reports it', (t) => {
  const group = makeSandbox(t).group();
  const limits: Limits = { kmem: M, mem: 64 * M, memsw: 96 * M, kmemTcp: 2 * M, pids: 17 };
  t.deepEqual(applyLimits(group, limits, GATE), { ...limits, kmem: null });
  const read = (path: string) => readFileSync(path, 'latin1').trim();
  t.is(read(`${group.memory}/memory.limit_in_bytes`), String(64 * M));
  t.is(read(`${group.memory}/memory.memsw.limit_in_bytes`), String(96 * M));
  t.is(read(`${group.memory}/memory.kmem.tcp.limit_in_bytes`), String(2 * M));
  t.is(read(`${group.pids}/pids.max`), '17');
});

test('limits that were not requested are not set', (t) => {
  const group = makeSandbox(t).group();
  t.deepEqual(applyLimits(group, NONE, { native: true }), NONE);
  const file = version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
  t.is(parseAmount(readFileSync(`${group.memory}/${file}`, 'latin1')), null);
  t.is(readFileSync(`${group.pids}/pids.max`, 'latin1'), 'max\n');
});

test('memsw works alone and equal to mem', (t) => {
  const { memory, hierarchies } = makeSandbox(t);
  const make = (id: string) => createGroup({ id, hierarchies, parent: memory, pids: false });
  t.deepEqual(applyLimits(make('a'), { ...NONE, memsw: 8 * M }, GATE), { ...NONE, memsw: 8 * M });
  const both = { ...NONE, mem: 8 * M, memsw: 8 * M };
  t.deepEqual(applyLimits(make('b'), both, GATE), both);
});

test('a size between two pages is rounded down', (t) => {
  const group = makeSandbox(t).group();
  const { mem, pids } = applyLimits(group, { ...NONE, mem: 8 * M + 1, pids: 5 }, GATE);
  t.is(mem, 8 * M);
  t.is(pids, 5);
});

test('the pids limit holds', async (t) => {
  const group = makeSandbox(t).group();
  applyLimits(group, { ...NONE, pids: 1 }, GATE);
  const child = await startIn(t, joinsOf(group), ['sh', '-c', 'sleep 1000 & wait']);
  const status = await new Promise((resolve) => child.once('exit', resolve));
  t.not(status, 0);
});

v1Test('a rejected limit is reported with its file, requested value, errno and actual value', (t) => {
  const group = makeSandbox(t).group();
  const work = () => applyLimits(group, { ...NONE, mem: 8 * M, memsw: 4 * M }, GATE);
  const error = notSet(
    t,
    work,
    'limit-not-set',
    /memory\.memsw\.limit_in_bytes: asked 4194304, .*EINVAL.*reads unlimited/,
  );
  t.regex(error.hint, /set --memsw to at least --mem/);
});

v1Test('a limit whose file is missing is an error, never silently ignored', (t) => {
  const { memory, unified, hierarchies, id } = makeSandbox(t);
  const group = createGroup({ id, hierarchies, parent: memory, pids: false });
  // The unified directory has none of the memory files.
  const missing = { ...group, memory: unified };
  for (const key of ['mem', 'memsw', 'kmemTcp'] as const) {
    notSet(t, () => applyLimits(missing, { ...NONE, [key]: M }, GATE), 'limit-not-set', /ENOENT/);
  }
  const error = notSet(t, () => applyLimits(group, { ...NONE, pids: 3 }, GATE), 'limit-not-set', /in a pids hierarchy/);
  t.regex(error.hint, /--pids/);
});

v1Test('native: a write that the kernel accepts but ignores is reported as an error', (t) => {
  const group = makeSandbox(t).group();
  const work = () => applyLimits(group, { ...NONE, kmem: M }, { native: true });
  const error = notSet(t, work, 'native-not-enforced', /accepts writes to .*kmem\.limit_in_bytes and ignores them/);
  t.regex(error.message, /asked 1048576, reads unlimited/);
  t.is(error.hint, 'use --enforce gate');
});

test('native: a missing file is an error', (t) => {
  const { unified, id } = makeSandbox(t);
  const group = { ...asGroup(id, [unified]), memory: unified, kmem: unified, version: 1 } as const;
  const work = () => applyLimits(group, { ...NONE, kmem: M }, { native: true });
  notSet(t, work, 'native-not-enforced', /enforces no limit on kernel memory: .*ENOENT/);
});

v1Test('ancestor limits are reported nearest first, without unlimited ones', (t) => {
  const { memory, pids, hierarchies, id } = makeSandbox(t);
  const mine = `${memory}/mine`;
  mkdirSync(mine);
  const group = createGroup({ id, hierarchies, parent: mine, pids: true });
  const above = () => readAncestorLimits(group).filter(({ directory }) => directory.includes('kmem-test'));
  const ofPids = { directory: pids, controller: 'pids', file: 'pids.max', limit: 400 } as const;
  t.deepEqual(above(), [ofPids]);
  writeFileSync(`${memory}/memory.limit_in_bytes`, String(512 * M));
  writeFileSync(`${memory}/memory.memsw.limit_in_bytes`, String(600 * M));
  writeFileSync(`${mine}/memory.kmem.tcp.limit_in_bytes`, String(M));
  const inMemory = { controller: 'memory' } as const;
  t.deepEqual(above(), [
    { ...inMemory, directory: mine, file: 'memory.kmem.tcp.limit_in_bytes', limit: M },
    { ...inMemory, directory: memory, file: 'memory.limit_in_bytes', limit: 512 * M },
    { ...inMemory, directory: memory, file: 'memory.memsw.limit_in_bytes', limit: 600 * M },
    ofPids,
  ]);
});

test("the group's own limits are not among its ancestors'", (t) => {
  const group = makeSandbox(t).group();
  applyLimits(group, { ...NONE, mem: M, pids: 3 }, GATE);
  t.false(readAncestorLimits(group).some(({ directory }) => group.directories.includes(directory)));
});
