/**
 * Disturbs runs of kmem-run again and again, and looks at what is left; or gives it damaged inputs:
 *
 *   npm run test:chaos -- [--runs N] [--minutes M] [--seed S] [--jobs J] [--kind K,…] [--action A,…] [--kernel NAME]
 *                         [--enforce MODE]
 *   npm run test:chaos -- --inputs [--runs N] [--minutes M] [--seed S] [--jobs J]
 *
 * `--run N` repeats one of them with the same seed, kinds, actions, kernel and mode. `--enforce kernel` is for kernels
 * that allow it, and takes the kinds that need no gate. Needs root. Exits 1 if something does not hold.
 */

import { parseArgs } from 'node:util';
import { CASES } from './inputs/cases.ts';
import type { InputLine, Inputs } from './inputs/inside.ts';
import type { Batch, Line } from './inside.ts';
import { runIsolated } from './isolated.ts';
import { type Choice, planOf, replayLine } from './plan.ts';

const { values } = parseArgs({
  options: {
    inputs: { type: 'boolean', default: false },
    runs: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    run: { type: 'string' },
    kind: { type: 'string' },
    action: { type: 'string' },
    jobs: { type: 'string', default: '3' },
    kernel: { type: 'string' },
    enforce: { type: 'string' },
  },
});

const RUNS = values.inputs ? CASES : 200;
/** After this many runs, checks what is left of them. */
const BATCH = values.inputs ? CASES : 50;
const SHOWN = 400;

const choice: Choice = {
  seed: numberOf('seed') ?? 1,
  kinds: values.kind?.split(',') ?? [],
  actions: values.action?.split(',') ?? [],
  kernel: values.kernel ?? null,
  enforce: values.enforce ?? null,
};
const minutes = numberOf('minutes');
const runs = numberOf('runs') ?? RUNS;
const jobs = numberOf('jobs') ?? 1;
// An unknown name is an error before anything is started.
planOf(choice, 0);

const began = performance.now();
let made = 0;
let failures = 0;
let latestMs = 0;
for (const numbers of batches()) {
  if (values.inputs) await answerInputs(numbers);
  else for (const isolated of [true, false]) await makeRuns(numbers, isolated);
}
const seconds = Math.round((performance.now() - began) / 1000);
const latest = values.inputs ? '' : `; the last process was gone after ${Math.round(latestMs)} ms`;
say(
  `${made} ${values.inputs ? 'inputs' : 'runs'} of seed ${choice.seed} in ${seconds} s, ${failures} failures${latest}`,
);
process.exitCode = failures === 0 && made > 0 ? 0 : 1;

function* batches(): Generator<readonly number[]> {
  const only = numberOf('run');
  if (only !== null) return yield [only];
  const isOver = (first: number): boolean =>
    minutes === null ? first >= runs : performance.now() - began > minutes * 60_000;
  for (let first = 0; !isOver(first); first += BATCH) {
    const count = minutes === null ? Math.min(BATCH, runs - first) : BATCH;
    yield Array.from({ length: count }, (_, index) => first + index);
  }
}

async function makeRuns(numbers: readonly number[], isolated: boolean): Promise<void> {
  const given: Batch = { choice, numbers, jobs, isolated };
  const range = `runs ${numbers[0]} to ${numbers.at(-1)}`;
  const isolatedProgram = { program: 'inside.ts', given, isolated, boots: choice.kernel !== null };
  const status = await runIsolated<Line>(isolatedProgram, (line) => {
    if ('batch' in line) return fail(line.batch.map((problem) => `after ${range}: ${problem}`));
    made += 1;
    latestMs = Math.max(latestMs, line.goneMs);
    const { kind, action, delayMs, problems, stderr } = line;
    if (problems.length === 0) return;
    fail([
      `${kind}, ${action} after ${delayMs} ms: ${problems.join('; ')}`,
      `  again: ${replayLine(choice, line.number)}`,
      `  stderr: ${quoted(stderr)}`,
    ]);
  });
  if (status !== 0) fail([`${range} ended with ${status}`]);
}

async function answerInputs(numbers: readonly number[]): Promise<void> {
  const given: Inputs = { seed: choice.seed, numbers, jobs };
  const isolatedProgram = { program: 'inputs/inside.ts', given, isolated: true, boots: false };
  const status = await runIsolated<InputLine>(isolatedProgram, ({ number, kind, args, problems, stderr }) => {
    made += 1;
    if (problems.length === 0) return;
    fail([
      `${kind}: kmem-run ${quoted(args.join(' '))}: ${problems.join('; ')}`,
      `  again: npm run test:chaos -- --inputs --seed ${choice.seed} --run ${number}`,
      `  stderr: ${quoted(stderr)}`,
    ]);
  });
  if (status !== 0) fail([`inputs ended with ${status}`]);
}

/** One failure, in these lines. */
function fail(lines: readonly string[]): void {
  if (lines.length > 0) failures += 1;
  for (const line of lines) say(line);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN));
}

function numberOf(name: 'runs' | 'minutes' | 'seed' | 'run' | 'jobs'): number | null {
  const text = values[name];
  if (text === undefined) return null;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a whole number: ${text}\n`);
  process.exit(2);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
