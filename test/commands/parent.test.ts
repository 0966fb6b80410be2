/** --parent and --enforce in the commands that perform many runs: with their own directory they do not require root. */

import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { removeGroup } from '../../src/cgroup/remove.ts';
import { asGroup, delegate, makeWithin, NOBODY } from '../cgroup/sandbox.ts';
import { assertRefused, makeHarness } from '../harness.ts';

const UNDER = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
const INSIDE = ['grep', '-q', '/owned/kmem-run', '/proc/self/cgroup'];

/** kmem-run as a user who owns one cgroup directory, named by --parent. */
function delegated(t: ExecutionContext) {
  const harness = makeHarness(t);
  const parent = makeWithin(harness.sandbox, 'owned');
  t.teardown(() => removeGroup(asGroup('parent', [parent])));
  delegate(harness.sandbox, parent, NOBODY);
  const state = mkdtempSync(join(tmpdir(), 'kmem-run-state-'));
  t.teardown(() => rmSync(state, { recursive: true, force: true }));
  chownSync(state, NOBODY, NOBODY);
  const env = { XDG_STATE_HOME: state };
  const run = (...args: string[]) => harness.run(args, { json: false, under: UNDER, env });
  const scenario = (name: string, keys = '') => {
    mkdirSync(harness.path('scenarios'), { recursive: true });
    const file = harness.path(`scenarios/${name}.yaml`);
    writeFileSync(file, `description: x\n${keys}limits: { kmem: 4M }\nsteps:\n  - run: [${INSIDE.join(', ')}]\n`);
    return file;
  };
  const assertOnlyParentLeft = () => t.deepEqual(harness.whatIsLeft(), [`cgroup ${parent}`]);
  return { harness, parent, run, scenario, assertOnlyParentLeft, store: ['--store', harness.path('s.db')] };
}

test.serial('scenario run, and sweep --scenario', async (t) => {
  const { parent, run, scenario, store, assertOnlyParentLeft } = delegated(t);
  const file = scenario('inside', 'enforce: gate\n');
  const ran = await run('scenario', 'run', file, '--format', 'json', '--parent', parent, '--enforce', 'none');
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  t.is(JSON.parse(ran.stdout).scenarios[0].results[0].enforcement.mode, 'none');
  const written = await run('scenario', 'run', file, '--format', 'json', '--parent', parent);
  t.is(JSON.parse(written.stdout).scenarios[0].results[0].enforcement.mode, 'gate');
  const swept = await run('sweep', ...store, '--scenario', file, '--kmem', '4M', '--parent', parent, '--json', '-');
  t.is(swept.status, 0, swept.stderr);
  t.like(JSON.parse(swept.stdout).points[0], { passed: 1 });
  assertOnlyParentLeft();
});

test.serial('sweep, bisect, explore and replay', async (t) => {
  const { harness, parent, run, store, assertOnlyParentLeft } = delegated(t);
  const swept = await run('sweep', ...store, '--kmem', '4M', '--parent', parent, '--json', '-', '--', ...INSIDE);
  t.is(swept.status, 0, swept.stderr);
  t.like(JSON.parse(swept.stdout).points[0], { passed: 1 });
  const limits = ['--lo', '2M', '--hi', '4M', '--confirm', '1'];
  const bisected = await run('bisect', ...store, ...limits, '--parent', parent, '--json', '-', '--', ...INSIDE);
  t.true(bisected.status !== 125, bisected.stderr);
  t.is(JSON.parse(bisected.stdout).status, 'done', bisected.stderr);
  t.true(JSON.parse(bisected.stdout).runs > 0);
  const explored = await run('explore', ...store, '--limit', '1', '--parent', parent, '--json', '-', '--', ...INSIDE);
  t.is(JSON.parse(explored.stdout).status, 'done', explored.stderr);
  // Recorded by root, in another place.
  await harness.run(['--json', harness.path('r.json'), '--kmem', '4M', '--', 'true'], { json: false });
  const elsewhere = ['--parent', parent, '--enforce', 'none', '--output', 'null'];
  const replayed = await run('replay', harness.path('r.json'), '--repeat', '1', ...elsewhere, '--json', '-');
  t.is(replayed.status, 0, replayed.stderr);
  const { notReproduced, status } = JSON.parse(replayed.stdout);
  t.is(status, 'done', replayed.stderr);
  t.true(notReproduced.includes('the parent cgroup: another one is used'));
  t.true(notReproduced.includes('the enforcement: none instead of auto'));
  assertOnlyParentLeft();
});

test.serial('fidelity --here creates its groups there, too', async (t) => {
  const { parent, run, assertOnlyParentLeft } = delegated(t);
  const fidelity = await run('fidelity', '--here', '--parent', parent, '--', ...INSIDE);
  // Not every kernel enforces a limit; the runs without one have passed.
  t.notRegex(fidelity.stderr + fidelity.stdout, /fails without a limit|cannot be (?:made|created)|permission/);
  assertRefused(t, await run('fidelity', '--here', '--parent', '/absent', '--', 'true'), /--parent \/absent/);
  assertRefused(t, await run('fidelity', '--parent', parent, '--', 'true'), /--parent: a cgroup of the host/);
  assertRefused(t, await run('fidelity', '--enforce', 'gate'), /unknown option "--enforce"/);
  assertOnlyParentLeft();
});

test.serial('an invalid value, or one with a microVM, is rejected before anything runs', async (t) => {
  const { run, scenario, parent, harness } = delegated(t);
  const file = scenario('inside');
  assertRefused(t, await run('scenario', 'run', file, '--enforce', 'gat'), /--enforce: "gat" is not one of/);
  assertRefused(t, await run('scenario', 'run', file, '--kernel', '5.10', '--parent', parent), /--parent: a cgroup of/);
  await harness.run(['--json', harness.path('r.json'), '--', 'true'], { json: false });
  assertRefused(t, await run('replay', harness.path('r.json'), '--enforce', 'gat'), /--enforce: "gat" is not one of/);
});
