/**
 * One batch of runs, in the namespaces created by isolated.ts: prints a line of JSON for each run and one for the
 * batch.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileFixture } from '../fixtures/compile.ts';
import { judgeBatch, takeInventory, warmUp } from './batch.ts';
import type { Surroundings } from './isolated.ts';
import { judgeRun } from './judge.ts';
import { isWatched } from './kinds.ts';
import { type Choice, planOf } from './plan.ts';
import { forget, makeRun, type Place, statusOf } from './run.ts';

export type Batch = Readonly<{
  choice: Choice;
  numbers: readonly number[];
  jobs: number;
  /** In a PID namespace; otherwise the kinds of run are those whose BPF programs work only outside one. */
  isolated: boolean;
}>;

export type Line = Readonly<
  | {
      number: number;
      kind: string;
      action: string;
      delayMs: number;
      problems: readonly string[];
      goneMs: number;
      status: string;
      stderr: string;
    }
  | { batch: readonly string[] }
>;

const FIXTURES = ['denial-storm', 'sparse', 'leave-children'];

async function main(batch: Batch & Surroundings): Promise<void> {
  const { choice, folder, jobs, groups, isolated } = batch;
  const plans = batch.numbers
    .map((number) => planOf(choice, number))
    .filter(({ kind }) => isWatched(kind) !== isolated);
  if (plans.length === 0) return;
  const bystanders = isolated ? startNumbered() : [];
  const inspected = {
    ...{ groups, isolated, temporary: join(folder, 'tmp') },
    cache: join(folder, 'home', '.cache', 'kmem-run'),
  };
  warmUp(inspected, choice.kernel);
  const place = makePlace(batch);
  const before = takeInventory(inspected);
  const rest = [...plans];
  const work = async (): Promise<void> => {
    for (let plan = rest.shift(); plan !== undefined; plan = rest.shift()) {
      const observed = await makeRun(plan, place);
      const problems = judgeRun(observed, place);
      say({
        ...{ number: plan.number, kind: plan.kind.name, action: plan.action.name, delayMs: plan.delayMs, problems },
        ...{
          goneMs: observed.goneMs,
          status: `${observed.status}`,
          stderr: problems.length === 0 ? '' : observed.stderr,
        },
      });
      forget(observed);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const killed = bystanders.filter((one) => statusOf(one) !== null).map(({ pid }) => `bystander ${pid} was killed`);
  say({ batch: [...killed, ...(await judgeBatch(inspected, before))] });
  for (const bystander of bystanders) bystander.kill('SIGKILL');
}

/** Pids of the runs' processes, from 30000 on, when truncated. */
const CUT_SHORT = [
  { first: 30, count: 3 },
  { first: 300, count: 100 },
  { first: 3000, count: 500 },
];
const FIRST_OF_RUNS = 30_000;

/** Code that reads pid 3068, since a buffer ended within 30683, hits one of these. */
function startNumbered(): readonly ChildProcess[] {
  const started = CUT_SHORT.map(({ first, count }) => {
    countFrom(first);
    return spawn(compileFixture('bystander'), [`${count}`], { stdio: 'ignore', detached: true });
  });
  countFrom(FIRST_OF_RUNS);
  return started;
}

/** The PID namespace's next process gets this pid. */
function countFrom(pid: number): void {
  writeFileSync('/proc/sys/kernel/ns_last_pid', `${pid - 1}`);
}

function makePlace({ folder, elsewhere, choice }: Batch & Surroundings): Place {
  const scenario = (name: string, text: string): string => {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, `description: for chaos\nlimits: { kmem: 4M }\n${text}`);
    return file;
  };
  const fixtures = Object.fromEntries(FIXTURES.map((name) => [name, compileFixture(name)]));
  const runs = join(folder, 'runs');
  mkdirSync(runs);
  chmodSync(runs, 0o755);
  return {
    folder: runs,
    store: join(folder, 'store.sqlite'),
    words: {
      ...fixtures,
      w: compileFixture('record-group'),
      kernel: choice.kernel ?? '',
      elsewhere,
      sleep: 'sleep 61',
      outside: scenario('outside', OUTSIDE),
      'set-up': scenario('set-up', 'setUp: sleep 61\nsteps:\n  - { name: none, run: "true" }\n'),
    },
  };
}

const OUTSIDE = `setUp: echo 'it works' > index.html
steps:
  - { name: server, run: 'exec sleep 61', background: true }
  - { name: client, run: 'sleep 61', outside: true, background: true }
  - { name: more, run: 'sleep 0.3 & sleep 61 & wait' }
`;

function say(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

await main(JSON.parse(process.argv[2] ?? ''));
