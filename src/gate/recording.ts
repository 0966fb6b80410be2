/** Reads a file written by `--trace-gate`: every gated call of a run, in the order in which they were answered. */
import { createReadStream } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { parseAddress } from '../request/address.ts';
import { quote } from '../text/quote.ts';

export type RecordedCall = Readonly<{
  /** Null: the task's origin is unknown; then `process` is '' and `index` 0. */
  address: string | null;
  /** The task's part of the address: `0.1.t2`. */
  process: string;
  index: number;
  syscall: string;
  /** Null, like the next ones: the process was gone. */
  pid: number | null;
  tid: number;
  comm: string | null;
  exe?: string | null;
  /** Null: nothing to report, or the caller's memory could not be read. */
  detail: string | null;
  answer: 'continue' | 'deny';
  /** Milliseconds since the first step was released. */
  atMs: number;
}>;

/** @throws SetupError `bad-recording`, naming file and line, for one that cannot be read */
export async function readRecording(file: string): Promise<readonly RecordedCall[]> {
  const calls: RecordedCall[] = [];
  try {
    for await (const line of linesOf(file)) calls.push(readLine(line, `${file}, line ${calls.length + 1},`));
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw badRecording(`${file} cannot be read: ${errnoOf(error) ?? error}`);
  }
  return calls;
}

/** Not node:readline, which ends a line at U+2028 too: paths may hold it. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, 'utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  // A line without a newline: the file was truncated there, and unless only the newline is missing it is not JSON.
  if (rest !== '') yield rest;
}

function readLine(line: string, where: string): RecordedCall {
  const record = parsed(line);
  if (!isCall(record)) throw badRecording(`${where} is not a gated call: ${quote(line)}`);
  const { address, syscall, pid, tid, comm, exe = null, detail, answer, atMs } = record;
  return { address, ...placeOf(address, where), syscall, pid, tid, comm, exe, detail, answer, atMs };
}

function placeOf(address: string | null, where: string): Pick<RecordedCall, 'process' | 'index'> {
  if (address === null) return { process: '', index: 0 };
  try {
    const { process, index } = parseAddress(address);
    return { process, index };
  } catch {
    throw badRecording(`${where} has no address: ${quote(address)}`);
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

type Line = Omit<RecordedCall, 'process' | 'index'>;

function isCall(record: unknown): record is Line {
  if (typeof record !== 'object' || record === null) return false;
  const { address, syscall, pid, tid, comm, exe, detail, answer, atMs } = record as Record<string, unknown>;
  return (
    [address, comm, exe ?? null, detail].every((value) => value === null || typeof value === 'string') &&
    typeof syscall === 'string' &&
    (pid === null || Number.isSafeInteger(pid)) &&
    Number.isSafeInteger(tid) &&
    (answer === 'continue' || answer === 'deny') &&
    typeof atMs === 'number'
  );
}

function badRecording(message: string): SetupError {
  return new SetupError('bad-recording', message, 'record it again with --trace-gate FILE, and let the run end');
}
