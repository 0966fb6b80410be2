/**
 * SIGKILL of loader (the helper), guardian, runner, or several of them at once, at moments that are drawn: no program
 * stays in the kernel, nothing hangs, and no group or process is left.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness, type Running } from '../harness.ts';
import { canActAsOthers, needs, slowness, soak } from '../needs.ts';
import { guardiansOf, supervisorsOf } from '../processes.ts';
import { programsLeft, programsOfOurs } from './programs-left.ts';

const test = anyTest.serial;

/** In a soak as many as it has time for, of 300. */
const ROUNDS = soak.isOn ? 300 : 10;
const SHARE = 0.25;
const LATEST_MS = 1500;
/** The same draws come again with the same seed. */
const SEED = Number(process.env.KMEM_RUN_TEST_SEED ?? 15);
const TIMEOUT_MS = 10_000 * slowness;

type Role = 'runner' | 'loader' | 'guardian';

const victims: readonly (readonly Role[])[] = [
  ['loader'],
  ['guardian'],
  ['runner'],
  ['runner', 'loader'],
  ['loader', 'guardian'],
  ['guardian', 'runner'],
  ['guardian', 'loader', 'runner'],
];

const sparse = compileFixture('sparse');
const commands: readonly (readonly string[])[] = [
  ['--kmem', '2M', '--', 'sh', '-c', 'sleep 60 & sleep 60 & wait'],
  ['--kmem', '400K', '--', compileFixture('denial-storm'), '30'],
  // Page faults over the limit, one process after the other.
  [
    '--kmem',
    '1M',
    '--on-fault',
    'sigbus',
    '--',
    'sh',
    '-c',
    `for i in 1 3 6; do (sleep 0.$i; exec ${sparse} 1000 default) & done; sleep 60`,
  ],
];

test(`${ROUNDS} runs whose processes are killed leave no program, process or group`, async (t) => {
  if (!needs(t, canActAsOthers, 'root')) return;
  t.timeout((60_000 + ROUNDS * 10_000) * slowness);
  const draw = createDraw(SEED);
  const harness = makeHarness(t);
  let seen = 0;
  let struck = 0;
  let round = 0;
  const began = performance.now();
  const isOver = () => soak.isOn && performance.now() - began > SHARE * soak.budgetMs;
  for (; round < ROUNDS && !isOver(); round += 1) {
    const roles = pick(victims, draw());
    const command = pick(commands, draw());
    const delay = Math.floor(draw() * LATEST_MS);
    const name = `round ${round} of seed ${SEED}: ${roles.join(', ')} after ${delay} ms, ${command.join(' ')}`;
    const running = harness.start(['--quiet', ...command]);
    await sleep(delay);
    seen = Math.max(seen, programsOfOurs().length);
    const killed = kill(
      roles.flatMap((role) => pidsOf(running, role)),
      'SIGKILL',
    );
    struck += killed;
    // It has not come so far.
    if (killed === 0) kill([running.pid], 'SIGTERM');
    // Nobody is left in charge, and what holds the output lives on: the next run cleans up.
    if (roles.length === 3) await harness.run(['--', 'true']);
    const { status, signal } = await running.ended;
    t.false(signal === 'SIGKILL' && !roles.includes('runner'), `${name}: hung, status ${status}`);
    t.deepEqual(await harness.processesLeft(TIMEOUT_MS), [], name);
    t.deepEqual(await programsLeft(), [], name);
  }
  await harness.run(['--', 'true']);
  harness.assertNothingLeft();
  t.log(`${round} rounds, ${struck} processes killed, up to ${seen} programs at once`);
});

function pidsOf({ pid }: Running, role: Role): number[] {
  if (role === 'runner') return [pid];
  return role === 'loader' ? supervisorsOf(pid) : guardiansOf(pid);
}

/** How many there were. */
function kill(pids: readonly number[], signal: NodeJS.Signals): number {
  let killed = 0;
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
      killed += 1;
    } catch {
      // Gone already.
    }
  }
  return killed;
}

function pick<Item>(items: readonly Item[], drawn: number): Item {
  return items[Math.floor(drawn * items.length)] as Item;
}

/** Mulberry32: numbers from 0 up to 1. */
function createDraw(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
