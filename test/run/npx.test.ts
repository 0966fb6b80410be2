import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { until } from '../cgroup/sandbox.ts';
import { type Harness, makeHarness, type Start } from '../harness.ts';
import { slowness } from '../needs.ts';

const root = join(import.meta.dirname, '..', '..');
/** The first npx builds the project, alongside whatever else is running. */
const TIMEOUT_MS = 240_000 * slowness;

/** For npm's cache and logs. One for all: with a new cache npx installs the project as a link and builds it first. */
const home = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
test.after.always(() => rmSync(home, { recursive: true, force: true }));

/** In the project folder: npx finds the project's bin there and does not contact a registry. */
function startNpx(harness: Harness, args: readonly string[], env: Start['env'] = {}) {
  const options = {
    cwd: root,
    env: { HOME: home, NODE_COMPILE_CACHE: harness.path('npm'), ...env },
    timeout: TIMEOUT_MS,
  };
  return harness.startProgram(['npx', '--offline', 'kmem-run', '--cwd', harness.folder, ...args], options);
}

function sh(line: string, ...args: string[]) {
  return ['--', 'sh', '-c', line, 'sh', ...args];
}

test.serial('npx passes on the arguments after -- and the exit status', async (t) => {
  const harness = makeHarness(t);
  const args = ['--kmem', '1M', 'a b', '--', "c'd", '"', '$HOME', '*', '', '--help', '-c'];
  const ran = await startNpx(harness, ['--kmem', '8M', ...sh('printf "<%s>" "$@"; exit 7', ...args)]).ended;
  t.is(ran.status, 7);
  t.is(ran.stdout, args.map((arg) => `<${arg}>`).join(''));
  t.regex(ran.stderr, /kmem-run: sh -c .* failed with exit status 7/);
  harness.assertNothingLeft();
});

test.serial('the program does not see variables added by npx', async (t) => {
  const harness = makeHarness(t);
  const PATH = `/opt/mine:${process.env.PATH?.split(':')
    .filter((folder) => !folder.includes('node_modules'))
    .join(':')}`;
  const env = { PATH, MINE: 'yes' };
  const ran = await startNpx(harness, ['--kmem', '8M', '--', '/usr/bin/env'], env).ended;
  const seen = new Map(
    ran.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s, 2) as [string, string]),
  );
  t.is(seen.get('MINE'), 'yes');
  t.is(seen.get('PATH'), PATH);
  t.is(seen.get('HOME'), home);
  const ours = [...seen.keys()].filter((name) => name.startsWith('npm_'));
  t.deepEqual(ours, []);
  for (const name of ['NODE', 'COLOR', 'INIT_CWD']) t.false(seen.has(name), name);
});

/** Starts under npx a program that does not end by itself. */
async function startBusy(t: ExecutionContext, harness: Harness) {
  const json = harness.path('result.json');
  const running = startNpx(harness, ['--kmem', '8M', '--json', json, ...sh('setsid sleep 300 & touch up; sleep 300')]);
  t.teardown(() => running.ended);
  await until(() => harness.has('up'));
  return { running, json };
}

test.serial('SIGTERM to npx alone: kmem-run sees that its parent is gone, tears down and reports', async (t) => {
  const harness = makeHarness(t);
  const { running, json } = await startBusy(t, harness);
  running.signal('SIGTERM');
  await until(() => existsSync(json));
  await until(() => harness.whatIsLeft().length === 0);
  const result = JSON.parse(readFileSync(json, 'utf8'));
  t.is(result.outcome, 'interrupted');
  t.deepEqual(result.exit, { code: null, signal: 'SIGTERM' });
});

test.serial('SIGKILL to npx alone: the same', async (t) => {
  const harness = makeHarness(t);
  const { running, json } = await startBusy(t, harness);
  running.signal('SIGKILL');
  await until(() => existsSync(json));
  await until(() => harness.whatIsLeft().length === 0);
  t.is(JSON.parse(readFileSync(json, 'utf8')).outcome, 'interrupted');
});
