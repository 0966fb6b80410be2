/** One run: started, disturbed, and watched until nothing of it is left. */

import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bin } from '../harness.ts';
import { slowness } from '../needs.ts';
import { graceOf, type Status } from './kinds.ts';
import type { Plan } from './plan.ts';
import { allProcesses, describe, findMarked, isAlive, type Process, send, treeOf } from './processes.ts';
import { sendSignals } from './send-signals.ts';

/** Where runs take place, and the values of `{NAME}` in `Kind.args`; a list becomes several words. */
export type Place = Readonly<{
  folder: string;
  store: string;
  words: Readonly<Record<string, string | readonly string[]>>;
}>;

export type Observed = Readonly<{
  plan: Plan;
  folder: string;
  label: string;
  /** Of kmem-run; null if it had to be killed. */
  status: Status | null;
  /** SIGTERM was sent after the action's own signals. */
  ended: boolean;
  /** The command reported that it was done before the first signal. */
  done: boolean;
  /** Processes that the signals reached. */
  reached: number;
  stderr: string;
  /** What was left when everything should have been gone. */
  late: readonly string[];
  /** Processes unrelated to the run that died. */
  bystanders: readonly string[];
  goneMs: number;
}>;

/** Time from the last signal until all is gone, without the grace. */
const GONE_MS = 3000;
/**
 * On a busy machine a process may be late; it then gets the time that this many starts of kmem-run take at that moment.
 */
const STARTS = 10;
const LOOK_EVERY_MS = 20;

export async function makeRun(plan: Plan, place: Place): Promise<Observed> {
  const folder = join(place.folder, `run-${plan.number}`);
  const label = `chaos-${plan.number}`;
  mkdirSync(folder);
  // Another user's command writes to it.
  chmodSync(folder, 0o777);
  writeFileSync(join(folder, 'groups'), '');
  chmodSync(join(folder, 'groups'), 0o666);
  const bystanders = [startBystander()];
  const errors = openSync(join(folder, 'stderr'), 'w');
  const child = spawn(process.execPath, [bin, ...argsOf(plan, place, folder, label)], {
    cwd: folder,
    env: { ...process.env, KMEM_RUN_TEST_CHAOS: label, RECORD_GROUP: join(folder, 'groups') },
    stdio: ['ignore', 'ignore', errors],
    detached: true,
  });
  closeSync(errors);
  const runner = child.pid ?? 0;
  const over = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const isOver = () => statusOf(child) !== null;
  bystanders.push(startBystander());
  await sleep(plan.delayMs);
  bystanders.push(startBystander());
  const known = new Map<string, Process>();
  const marked = findMarked(`KMEM_RUN_TEST_CHAOS=${label}`);
  const look = (): readonly Process[] => {
    const table = allProcesses();
    const ours = marked(table);
    for (const process of [...treeOf(runner, table), ...ours])
      if (!isOver() || process.pid !== runner) known.set(`${process.pid} ${process.start}`, process);
    return ours;
  };
  look();
  const done = existsSync(join(folder, 'done'));
  const reached = await sendSignals(plan, runner, isOver, look);
  const mustEnd = reached === 0 || !endsRun(plan);
  if (mustEnd) await sleep(plan.pauseMs);
  const ended = mustEnd && !isOver() && child.kill('SIGTERM');
  // In the same place; this run removes what was abandoned.
  if (plan.action.abandons) await run(['--quiet', '--', 'true']);
  const began = performance.now();
  const late = await untilGone(plan, () => {
    look();
    return [...known.values()].filter(isAlive);
  });
  const goneMs = performance.now() - began;
  const described = late.map(describe);
  const hangs = late.some(({ pid }) => pid === runner);
  for (const process of known.values()) if (isAlive(process)) send(process.pid, 'SIGKILL');
  await over;
  const observed: Observed = {
    ...{ plan, folder, label, ended, done, reached, goneMs, late: described },
    status: hangs ? null : statusOf(child),
    stderr: readFileSync(join(folder, 'stderr'), 'utf8'),
    bystanders: bystanders.filter((one) => statusOf(one) !== null).map(({ pid }) => `${pid}`),
  };
  for (const bystander of bystanders) bystander.kill('SIGKILL');
  return observed;
}

/** An experiment continues with its other runs when a part of one has died. */
function endsRun({ kind, action: { ends, signals } }: Plan): boolean {
  const ofRunner = signals.some(
    (sent) => sent !== 'pause' && sent.roles.some((role) => role === 'runner' || role === 'group'),
  );
  return ends && (ofRunner || kind.result !== 'report');
}

/** Unexpected files of the run: those that kmem-run did not remove. */
export function filesLeft({ folder }: Observed): readonly string[] {
  const own = ['groups', 'stderr', 'done', 'result.json', 'trace.jsonl'];
  return readdirSync(folder).filter((name) => !own.includes(name));
}

export function forget({ folder }: Observed): void {
  rmSync(folder, { recursive: true });
}

/** In a separate session and process group, whose number is near those of the run. */
export function startBystander(): ChildProcess {
  return spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
}

export function statusOf({ exitCode, signalCode }: ChildProcess): Status | null {
  return exitCode ?? signalCode;
}

function argsOf({ kind }: Plan, { words, store }: Place, folder: string, label: string): string[] {
  const all: Place['words'] = { ...words, dir: folder, store, label };
  return kind.args.flatMap((arg) => {
    const whole = /^\{([\w-]+)\}$/.exec(arg)?.[1];
    if (whole !== undefined) return all[whole] ?? arg;
    return arg.replace(/\{([\w-]+)\}/g, (text, name) => `${all[name] ?? text}`);
  });
}

async function run(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [bin, ...args], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
}

/** What is left when the time is up. */
async function untilGone({ kind, action }: Plan, left: () => Process[]): Promise<Process[]> {
  const extraMs = graceOf(kind) + (kind.extraMs ?? 0) + (action.extraMs ?? 0);
  if (await waitFor(left, extraMs + GONE_MS * slowness)) return [];
  const began = performance.now();
  // Starts no run, since that would remove what is left.
  await run(['--version']);
  return (await waitFor(left, STARTS * (performance.now() - began))) ? [] : left();
}

async function waitFor(left: () => Process[], limitMs: number): Promise<boolean> {
  const began = performance.now();
  for (;;) {
    if (left().length === 0) return true;
    if (performance.now() - began > limitMs) return false;
    await sleep(LOOK_EVERY_MS);
  }
}
