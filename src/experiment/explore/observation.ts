/** What is observed of one run and compared with others. */

import { createHash } from 'node:crypto';
import { closeSync, constants, type Dirent, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';
import { errnoOf } from '../../errors.ts';
import { parseAddress } from '../../request/address.ts';
import type { Exit, Expectation, Failure, Outcome, Step } from '../../result/schema.ts';
import { type OwnNames, scrub } from './scrub.ts';

/** A named entry of the run's folder. */
export type FileEntry = Readonly<
  /** `text` is scrubbed; null: too long or not text, so only `digest` distinguishes two files. */
  { kind: 'file'; text: string | null; digest: string } | { kind: 'folder' | 'link' | 'other' }
>;

export type Crash = Readonly<{ comm: string | null; signal: string }>;

export type Observation = Readonly<{
  outcome: Outcome;
  /** 0 for a server that was stopped after the last step. */
  exits: readonly Exit[];
  /** Why kmem-run reports a step as failed; null if it does not. */
  errors: readonly (string | null)[];
  /** Steps that continue while later ones run: in the background, or as a daemon whose call failed. */
  servers: readonly number[];
  /** What all steps wrote, scrubbed. */
  stdout: string;
  stderr: string;
  /** By path below the run's folder. */
  files: ReadonlyMap<string, FileEntry>;
  /** Processes that died of a signal such as SIGSEGV; those of the steps themselves may be among them. */
  crashes: readonly Crash[];
  /** Names of the processes that were left in the group. */
  leftover: readonly string[];
  /** Explicit expectations that do not hold, except those about failed calls. */
  broken: readonly string[];
  /** The step that ran when the call failed; null: between or after them, or none failed. */
  failedIn: number | null;
  /** Null: nothing ran. */
  wallMs: number | null;
}>;

/** A server stopped after the last step counts as a success, and a step that kmem-run reports as failed does not. */
export function exitOf({ exit, stopped, error }: Pick<Step, 'exit' | 'stopped' | 'error'>): Exit {
  if (exit.signal !== null && CRASHES.includes(exit.signal)) return exit;
  if (error !== null) return stopped || exit.code === 0 ? { code: 1, signal: null } : exit;
  return stopped ? { code: 0, signal: null } : exit;
}

/** `failure`: the first one, if any. A failure after its step had exited is a daemon's. */
export function serversIn(
  steps: readonly Pick<Step, 'background' | 'atMs' | 'wallMs'>[],
  failure: Pick<Failure, 'step' | 'atMs'> | null,
): number[] {
  return steps.flatMap(({ background, atMs, wallMs }, index) => {
    const isDaemon = failure?.step === index && atMs !== null && wallMs !== null && failure.atMs > atMs + wallMs;
    return background || isDaemon ? [index] : [];
  });
}

/** The injected failure is itself part of these figures. */
const COUNTED = /^[\w.[\]]*(?:failcnt|failures|failureCounts|injections)/;

/** Explicit expectations that do not hold. */
export function brokenOnes(expectations: readonly Expectation[]): string[] {
  return expectations
    .filter(({ expr, passed, implicit }) => !passed && !implicit && !COUNTED.test(expr))
    .map(({ expr }) => expr);
}

/** The step whose process a call belongs to: an address counts only the steps in the group. */
export function stepOf(address: string, steps: readonly Pick<Step, 'kind'>[]): number {
  const inGroup = steps.flatMap(({ kind }, index) => (kind === 'command' ? [index] : []));
  const number = Number.parseInt(parseAddress(address).process, 10);
  return inGroup[number] ?? number;
}

/** Longer files are distinguished by their bytes alone. */
const LONGEST_TEXT = 1024 * 1024;

const CHUNK = 1024 * 1024;

/** By path below the folder; `names.folder` is the folder. */
export function readFolder(names: OwnNames): ReadonlyMap<string, FileEntry> {
  const { folder } = names;
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .flatMap((entry): [string, FileEntry][] => {
        const path = join(entry.parentPath, entry.name);
        const found: FileEntry | null = entry.isFile() ? readFile(path, names) : { kind: kindOf(entry) };
        return found === null ? [] : [[relative(folder, path), found]];
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function kindOf(entry: Dirent): 'folder' | 'link' | 'other' {
  return entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other';
}

/** Null: it no longer exists. Processes left by the run may still replace it, for example with a link or a FIFO. */
function readFile(path: string, names: OwnNames): FileEntry | null {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let file: number | null = null;
  try {
    file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stat = fstatSync(file);
    if (!stat.isFile()) return { kind: 'other' };
    if (stat.size > LONGEST_TEXT) return { kind: 'file', text: null, digest: digestOf(file) };
    const bytes = readFileSync(file);
    const text = bytes.includes(0) ? null : scrub(bytes.toString('utf8'), names);
    return {
      kind: 'file',
      text,
      digest: createHash('sha256')
        .update(text ?? bytes)
        .digest('hex'),
    };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (errnoOf(error) === 'ELOOP' || errnoOf(error) === 'ENXIO') return { kind: 'other' };
    throw error;
  } finally {
    if (file !== null) closeSync(file);
  }
}

/** In pieces: it may be larger than memory. */
function digestOf(file: number): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let length = readSync(file, buffer); length > 0; length = readSync(file, buffer)) {
    hash.update(buffer.subarray(0, length));
  }
  return hash.digest('hex');
}

/** Signals by which the kernel or the C library kills a broken program. */
export const CRASHES: readonly string[] = ['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'];
