/**
 * Answers inputs as the command does, many in one process. It reports that it is ready; then it reads lines of JSON
 * with the words of a command line, and writes a line with each answer to descriptor 3, since the commands write to
 * stdout.
 */

import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { findCommand } from '../../../src/commands/index.ts';
import { SetupError } from '../../../src/errors.ts';
import { setupErrorText } from '../../../src/report/terminal/run.ts';
import type { Answer } from './judge.ts';

const ANSWERS = 3;
const CANNOT = 125;

/** As in src/cli.ts, whose other errors must never occur. */
async function statusOf(argv: readonly string[]): Promise<number> {
  try {
    return await findCommand(argv)(argv);
  } catch (error) {
    process.stderr.write(error instanceof SetupError ? setupErrorText(error) : `internal error: ${error}\n`);
    return CANNOT;
  }
}

async function answer(argv: readonly string[]): Promise<Answer> {
  const written = { stdout: '', stderr: '' };
  const { stdout, stderr } = process;
  const originals = [stdout.write, stderr.write] as const;
  stdout.write = take('stdout', written);
  stderr.write = take('stderr', written);
  try {
    return { status: await statusOf(argv), ...written };
  } finally {
    [stdout.write, stderr.write] = originals;
  }
}

function say(what: Answer | 'ready'): void {
  const bytes = Buffer.from(`${JSON.stringify(what)}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(ANSWERS, bytes, at);
}

type Written = { stdout: string; stderr: string };

function take(name: keyof Written, written: Written): typeof process.stdout.write {
  return (chunk: Uint8Array | string, ...rest: readonly unknown[]): boolean => {
    written[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const done = rest.find((argument) => typeof argument === 'function');
    if (done !== undefined) process.nextTick(done as () => void);
    return true;
  };
}

// Each command adds listeners for the life of its process.
for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);
say('ready');
for await (const line of createInterface({ input: process.stdin })) say(await answer(JSON.parse(line)));
