/**
 * Damaged inputs, in the namespaces created by isolated.ts: prints a line of JSON for each that is answered wrongly.
 */

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Result } from '../../../src/result/schema.ts';
import { openStore } from '../../../src/store/store.ts';
import { bin } from '../../harness.ts';
import { slowness } from '../../needs.ts';
import { experiment } from '../../store/folder.ts';
import { type Input, makeInput, type Prepared } from './cases.ts';
import * as corpus from './corpus.ts';
import { type Answer, judgeAnswer } from './judge.ts';

export type Inputs = Readonly<{ seed: number; numbers: readonly number[]; jobs: number }>;

export type InputLine = Readonly<{
  number: number;
  kind: string;
  args: readonly string[];
  problems: readonly string[];
  stderr: string;
}>;

/** One in this many inputs is answered by the command itself, in a separate process. */
const OF_THE_COMMAND = 20;
/** The longest takes 1 s on an idle machine. */
const TIMEOUT_MS = 60_000 * slowness;
const HUGE = 3 * 2 ** 30;

async function work(): Promise<void> {
  let worker: Worker | null = null;
  for (let number = rest.shift(); number !== undefined; number = rest.shift()) {
    const input = makeInput(seed, number, prepared);
    const isOfTheCommand = number % OF_THE_COMMAND === 0;
    if (!isOfTheCommand) worker ??= await startWorker();
    const answer = await (isOfTheCommand || worker === null ? runCommand(input) : worker.answer(input));
    if (answer.status === null && !isOfTheCommand) {
      worker?.end();
      worker = null;
    }
    const { kind, args } = input;
    const problems = judgeAnswer(input, answer);
    const line: InputLine = { number, kind, args, problems, stderr: answer.stderr };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
  worker?.end();
}

const NO_ANSWER: Answer = { status: null, stdout: '', stderr: '' };

type Worker = Readonly<{ answer: (input: Input) => Promise<Answer>; end: () => void }>;

/** Its standard error is shown: it prints there only when it crashes. */
async function startWorker(): Promise<Worker> {
  const words = limited(join(import.meta.dirname, 'worker.ts'));
  const child = spawn('sh', words, { stdio: ['pipe', 'ignore', 'inherit', 'pipe'] });
  child.stdin?.on('error', () => {});
  const lines = createInterface({ input: child.stdio[3] as Readable });
  // A slow start is not charged to the first input.
  await new Promise((resolve) => lines.once('line', resolve));
  const answer = ({ args }: Input): Promise<Answer> => {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const onLine = (line: string): void => resolve(JSON.parse(line));
    const onEnd = (): void => resolve(NO_ANSWER);
    const timer = setTimeout(onEnd, TIMEOUT_MS);
    lines.once('line', onLine);
    child.once('exit', onEnd);
    child.stdin?.write(`${JSON.stringify(args)}\n`);
    return promise.finally(() => {
      clearTimeout(timer);
      lines.off('line', onLine);
      child.off('exit', onEnd);
    });
  };
  return { answer, end: () => void child.kill('SIGKILL') };
}

/** Reading an endless file whole must not exhaust the machine's memory. */
function limited(...words: readonly string[]): string[] {
  return ['-c', `ulimit -v ${8 * 2 ** 20}; exec "$@"`, 'sh', process.execPath, ...words];
}

async function runCommand({ args }: Input): Promise<Answer> {
  const child = spawn('sh', limited(bin, ...args.map(asArgument)), { stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, status] = await Promise.all([textOf(child.stdout), textOf(child.stderr), ended]);
  clearTimeout(timer);
  return { status, stdout, stderr };
}

/** The kernel's argument list ends at a NUL. */
function asArgument(word: string): string {
  return word.replaceAll('\0', '');
}

async function textOf(stream: Readable): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString();
}

async function prepare(): Promise<Prepared> {
  const own = join(folder, 'inputs');
  mkdirSync(own);
  const file = (name: string): string => join(own, name);
  execFileSync('mkfifo', [file('fifo')]);
  writeFileSync(file('huge'), '{');
  truncateSync(file('huge'), HUGE);
  symlinkSync('loop', file('loop'));
  const server = createServer().listen(file('socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  const store = openStore(file('store'));
  store.saveExperiment(experiment());
  for (const [index, result] of (corpus.runs as readonly Result[]).entries()) {
    const label = index % 2 === 0 ? 'a' : 'b';
    store.saveRun({ result: { ...result, id: `run${index}` }, experimentId: index < 2 ? 'sweep1' : null, label });
  }
  store.close();
  const system = ['/dev/null', '/proc/self/mem', '/', '/nonexistent', '/etc/shadow', '/dev/full'];
  const odd = [...system, ...['fifo', 'huge', 'loop', 'socket'].map(file)];
  return { folder: own, store: file('store'), odd };
}

const { seed, numbers, jobs, folder } = JSON.parse(process.argv[2] ?? '') as Inputs & { folder: string };
process.chdir(folder);
const prepared = await prepare();
const rest = [...numbers];
await Promise.all(Array.from({ length: jobs }, work));
process.exit();
