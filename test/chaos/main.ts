/**
 * Disturbs runs of kmem-run, again and again, and looks at what is left:
 *
 *   npm run test:chaos -- [--runs N] [--minutes M] [--seed S] [--kind K,…] [--action A,…] [--jobs J] [--kernel NAME]
 *   npm run test:chaos -- --seed S --run N      one run again, with the options above that were given when it failed
 *
 * Needs root. Exits 1 if something does not hold.
 */

import { parseArgs } from 'node:util';
import type { Line } from './inside.ts';
import { type Choice, planOf, replayLine } from './plan.ts';
import { runBatch } from './world.ts';

/** So many, and what is left of them is looked at. */
const BATCH = 50;
const STDERR_SHOWN = 400;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    run: { type: 'string' },
    kind: { type: 'string' },
    action: { type: 'string' },
    jobs: { type: 'string', default: '3' },
    kernel: { type: 'string' },
  },
});

const choice: Choice = {
  seed: number('seed', values.seed),
  kinds: values.kind?.split(',') ?? [],
  actions: values.action?.split(',') ?? [],
  kernel: values.kernel ?? null,
};
const minutes = values.minutes === undefined ? null : number('minutes', values.minutes);
const runs = number('runs', values.runs);
const jobs = number('jobs', values.jobs);
// Says what is unknown, before anything is started.
planOf(choice, 0);

const began = performance.now();
let made = 0;
let failures = 0;
let latestMs = 0;
for (const numbers of batches()) {
  for (const isolated of [true, false])
    await runBatch({ choice, numbers, jobs, isolated }, (line) => take(line, numbers));
}
const seconds = Math.round((performance.now() - began) / 1000);
say(
  `${made} runs of seed ${choice.seed} in ${seconds} s, ${failures} failures; the last process went after ${Math.round(latestMs)} ms`,
);
process.exitCode = failures === 0 && made > 0 ? 0 : 1;

function* batches(): Generator<readonly number[]> {
  if (values.run !== undefined) return yield [number('run', values.run)];
  const isOver = (first: number): boolean =>
    minutes === null ? first >= runs : performance.now() - began > minutes * 60_000;
  for (let first = 0; !isOver(first); first += BATCH) {
    const count = minutes === null ? Math.min(BATCH, runs - first) : BATCH;
    yield Array.from({ length: count }, (_, index) => first + index);
  }
}

function take(line: Line, numbers: readonly number[]): void {
  if ('batch' in line) {
    const { batch } = line;
    failures += batch.length === 0 ? 0 : 1;
    for (const problem of batch) say(`after runs ${numbers[0]} to ${numbers.at(-1)}: ${problem}`);
    return;
  }
  made += 1;
  latestMs = Math.max(latestMs, line.goneMs);
  if (line.problems.length === 0) return;
  failures += 1;
  say(`${line.kind}, ${line.action} after ${line.delayMs} ms: ${line.problems.join('; ')}`);
  say(`  again: ${replayLine(choice, line.number)}`);
  if (line.stderr !== '') say(`  stderr: ${JSON.stringify(line.stderr.slice(0, STDERR_SHOWN))}`);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a whole number: ${text}\n`);
  process.exit(2);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
