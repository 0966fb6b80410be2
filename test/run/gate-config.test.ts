import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Group } from '../../src/cgroup/types.ts';
import { normaliseSpec } from '../../src/request/normalise.ts';
import { gateConfig, planRun } from '../../src/run/plan.ts';

test('--reclaim is rejected, not ignored, if the kernel cannot be asked to reclaim', async (t) => {
  const memory = mkdtempSync(join(tmpdir(), 'kmem-run-config-'));
  t.teardown(() => rmSync(memory, { recursive: true }));
  const group: Group = {
    id: 'a',
    name: 'kmem-run.a',
    version: 2,
    memory,
    kmem: null,
    unified: memory,
    pids: null,
    directories: [],
  };
  const configOf = async (reclaim: boolean) => {
    const spec = normaliseSpec({ command: ['true'], kmem: '1M', enforce: 'gate', reclaim });
    return gateConfig(await planRun(spec, null), spec, group, '/a/lock');
  };
  t.is((await configOf(false)).reclaim, null);
  t.like(await t.throwsAsync(configOf(true)), { name: 'SetupError', code: 'no-reclaim' });
  writeFileSync(`${memory}/memory.reclaim`, '');
  t.is((await configOf(true)).reclaim, `${memory}/memory.reclaim`);
});
