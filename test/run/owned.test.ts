/**
 * Whatever a run has started outside its group, and whatever has left the group, ends with the run, however that ends.
 */

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import anyTest, { type ExecutionContext } from 'ava';
import { pidsIn } from '../../src/cgroup/nested.ts';
import { stateOf, until } from '../cgroup/sandbox.ts';
import { type Harness, makeHarness, type Running } from '../harness.ts';
import { slowness } from '../needs.ts';
import { childrenOf, commOf, guardiansOf, supervisorsOf } from '../processes.ts';

const test = anyTest.serial;

const TIMEOUT_MS = 10_000 * slowness;

/** A process, its child, and one in its own session: each reports that it is running. */
const PROGRAM = 'sleep 1000 & setsid sh -c "touch apart; exec sleep 1000" & touch there; sleep 1000';

function write(harness: Harness, lines: readonly string[]): string {
  writeFileSync(harness.path('test.yaml'), ['description: a test', 'limits: { kmem: 4M }', ...lines].join('\n'));
  return harness.path('test.yaml');
}

/** Not pipes: surviving processes would hold them open. */
const QUIET = { json: false, stdout: 'ignore', stderr: 'ignore' } as const;

const kinds: Record<string, (harness: Harness) => readonly string[]> = {
  'a client': (harness) => [
    'scenario',
    'run',
    write(harness, [
      'steps:',
      '  - { name: one, run: "true" }',
      '  - { name: client, run: "cd ${here}; . ./program", outside: true }',
    ]),
  ],
  'a line of set-up': (harness) => [
    'scenario',
    'run',
    write(harness, ['setUp: cd ${here}; . ./program', 'steps:', '  - { name: one, run: "true" }']),
  ],
  'a preparation': () => ['sweep', '--kmem', '4M', '--prepare', '. ./program', '--', 'true'],
};

for (const [name, words] of Object.entries(kinds)) {
  for (const victim of ['runner', 'owner', 'guardian of the owner']) {
    test(`SIGKILL of the ${victim} ends ${name} and all that it started`, async (t) => {
      const harness = makeHarness(t);
      writeFileSync(harness.path('program'), PROGRAM);
      const running = harness.start(words(harness), QUIET);
      endAtLast(t, running);
      await until(() => harness.has('there') && harness.has('apart'));
      const [guardian = 0] = guardiansOf(running.pid).filter((pid) => childrenOf(pid).some(isOwner));
      const [owner = 0] = childrenOf(guardian);
      t.true(guardian > 0 && owner > 0);
      process.kill({ runner: running.pid, owner }[victim] ?? guardian, 'SIGKILL');
      await running.ended;
      t.deepEqual(await harness.processesLeft(TIMEOUT_MS), []);
    });
  }
}

/** Never 0, which would be this process group. */
function keepersOf({ pid }: Running): Readonly<{ guardian: number; supervisor: number }> {
  const [guardian] = guardiansOf(pid);
  const [supervisor] = supervisorsOf(pid);
  if (guardian === undefined || supervisor === undefined) throw new Error('the helper is gone');
  return { guardian, supervisor };
}

function isOwner(pid: number): boolean {
  return childrenOf(pid).some((child) => commOf(child) === 'sh');
}

function endAtLast(t: ExecutionContext, running: Running): void {
  t.teardown(() => {
    try {
      running.signal('SIGKILL');
    } catch {
      // It has ended.
    }
  });
}

test('a daemon left by a setUp line is available to the run and ends with it', async (t) => {
  const harness = makeHarness(t);
  const file = write(harness, [
    'setUp: cd ${here}; sleep 1000 & echo $! > daemon',
    'steps:',
    '  - { name: one, run: "kill -0 $(cat ${here}/daemon)" }',
    'cleanUp: kill -0 $(cat ${here}/daemon) && touch ${here}/still',
  ]);
  const { status, stderr } = await harness.run(['scenario', 'run', file], { json: false });
  t.is(status, 0, stderr);
  t.true(harness.has('still'));
  harness.assertNothingLeft();
});

/** A run whose program has left the group and started something outside. */
async function startEscaped(t: ExecutionContext) {
  const harness = makeHarness(t);
  const elsewhere = [...new Set([harness.sandbox.memory, harness.sandbox.unified])].map(
    (above) => `${above}/elsewhere`,
  );
  for (const directory of elsewhere) mkdirSync(directory);
  const joins = elsewhere.map((directory) => `echo $$ > ${directory}/cgroup.procs`).join('; ');
  const script = `${joins}; setsid sleep 1000 & touch ready; wait`;
  const running = harness.start(['--kmem', '8M', '--quiet', '--', 'sh', '-c', script], QUIET);
  endAtLast(t, running);
  await until(() => harness.has('ready') && elsewhere.every((directory) => pidsIn(directory).length === 2));
  return {
    ...{ harness, running, ...keepersOf(running) },
    assertEnded: async () => {
      await running.ended;
      t.deepEqual(await harness.processesLeft(TIMEOUT_MS), []);
      for (const directory of elsewhere) rmdirSync(directory);
      harness.assertNothingLeft();
    },
  };
}

test('a process that left the group ends with the supervisor', async (t) => {
  const { supervisor, assertEnded } = await startEscaped(t);
  process.kill(supervisor, 'SIGKILL');
  await assertEnded();
});

test('a process that left the group ends with the guardian', async (t) => {
  const { guardian, assertEnded } = await startEscaped(t);
  process.kill(guardian, 'SIGKILL');
  await assertEnded();
});

test('a stopped guardian ends its part when the supervisor is gone', async (t) => {
  const { guardian, supervisor, assertEnded } = await startEscaped(t);
  process.kill(guardian, 'SIGSTOP');
  await until(() => stateOf(guardian) === 'T');
  process.kill(supervisor, 'SIGKILL');
  await assertEnded();
});

test('a stopped supervisor and guardian end their part when the runner is gone', async (t) => {
  const { guardian, supervisor, running, assertEnded } = await startEscaped(t);
  for (const pid of [guardian, supervisor]) process.kill(pid, 'SIGSTOP');
  await until(() => [guardian, supervisor].every((pid) => stateOf(pid) === 'T'));
  running.signal('SIGKILL');
  await assertEnded();
});

/** Stops the supervisor while it hands over a step; false if the run ended before. */
async function stopInHandover(running: Running): Promise<boolean> {
  let isOver = false;
  void running.ended.then(() => {
    isOver = true;
  });
  await until(() => isOver || supervisorsOf(running.pid).length === 1);
  const [supervisor] = supervisorsOf(running.pid);
  await until(() => {
    if (isOver || supervisor === undefined || !signal(supervisor, 'SIGSTOP')) return true;
    const starters = childrenOf(supervisor).filter((pid) => commOf(pid) === 'kmem-helper');
    return starters.length > 0 || !signal(supervisor, 'SIGCONT');
  });
  return supervisor !== undefined && stateOf(supervisor) === 'T';
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

test('a joiner waiting for an answer ends with the supervisor and the guardian', async (t) => {
  const harness = makeHarness(t);
  const steps = Array.from({ length: 80 }, () => ['--then', 'true']).flat();
  let met = 0;
  for (let round = 0; round < 20 && met < 5; round++) {
    const options = ['--kmem', '8M', '--quiet', '--trace-gate', harness.path('trace'), ...steps];
    const running = harness.start([...options, '--', 'true'], QUIET);
    endAtLast(t, running);
    if (await stopInHandover(running)) {
      const { guardian, supervisor } = keepersOf(running);
      for (const pid of [guardian, supervisor]) signal(pid, 'SIGKILL');
      met++;
    }
    await running.ended;
    t.deepEqual(await harness.processesLeft(TIMEOUT_MS), []);
  }
  t.is(met, 5);
  await harness.run(['--', 'true']);
  harness.assertNothingLeft();
});
