import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SetupError } from '../../src/errors.ts';
import { runPreparation } from '../../src/experiment/prepare.ts';
import { until } from '../cgroup/sandbox.ts';
import { neverAborted } from './programs.ts';

function makeFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('the line is run by sh in the command’s folder', async (t) => {
  const folder = makeFolder(t);
  await runPreparation('pwd > here && echo "$((1 + 1))" >> here', folder, { signal: neverAborted, env: {} });
  t.is(readFileSync(join(folder, 'here'), 'utf8'), `${folder}\n2\n`);
});

test('stdin is empty', async (t) => {
  const folder = makeFolder(t);
  await runPreparation('cat > read', folder, { signal: neverAborted, env: {} });
  t.is(readFileSync(join(folder, 'read'), 'utf8'), '');
});

for (const [line, how] of [
  ['exit 3', /exit 3$/],
  ['kill -9 $$', /SIGKILL$/],
  ['/nonexistent/x 2>/dev/null', /exit 127$/],
] as const) {
  test(`its failure is reported: ${line}`, async (t) => {
    const error = await t.throwsAsync(runPreparation(line, '/', { signal: neverAborted, env: {} }), {
      instanceOf: SetupError,
    });
    t.is(error.code, 'prepare-failed');
    t.regex(error.message, how);
    t.true(error.message.includes(JSON.stringify(line)));
  });
}

test('an abort ends the preparation and its children without an error', async (t) => {
  const folder = makeFolder(t);
  const controller = new AbortController();
  const done = runPreparation('sleep 1000 & echo $! > child; wait; touch late', folder, {
    signal: controller.signal,
    env: {},
  });
  const child = join(folder, 'child');
  await until(() => existsSync(child) && readFileSync(child, 'utf8').endsWith('\n'));
  const pid = Number(readFileSync(child, 'utf8'));
  controller.abort();
  await done;
  // Its parent is gone: whoever adopts it reaps it.
  await until(() => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '));
  t.false(existsSync(join(folder, 'late')));
});

test('if already aborted, it does not start', async (t) => {
  const folder = makeFolder(t);
  await runPreparation('touch begun', folder, { signal: AbortSignal.abort(), env: {} });
  t.false(existsSync(join(folder, 'begun')));
});
