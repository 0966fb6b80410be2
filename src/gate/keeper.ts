/**
 * Keeps BPF programs attached between the runs of this process, and lends them to one run after another: loading takes
 * longer than a short run, and attaching and detaching are slow while nothing else is attached to the same function (the
 * kernel waits for all tasks).
 */

import type { Socket } from 'node:net';
import { execa } from '../host/execa.ts';
import { cutLines } from '../host/lines.ts';
import { type KernelTrial, readTrial, tryKernel } from './helper.ts';

type Keeper = Readonly<{ trial: Promise<KernelTrial>; takeBack: () => void; end: () => Promise<void> }>;

/** Words of the configuration of the helper that borrows the programs, and what to call when that has ended. */
export type Loan = Readonly<{ words: readonly string[]; giveBack: () => void }>;

let isAllowed = false;
let lends = false;
let starts = 0;
let keeper: Keeper | null = null;
let trial: Promise<KernelTrial> | null = null;
/** A keeper is replaced only by one of a later kind. */
const KINDS = ['keep', 'keep-native', 'keep-enforcing'] as const;
type Kind = (typeof KINDS)[number];

let kept: Kind = 'keep';
/** Null: they are lent, or there are none. */
let available: readonly string[] | null = null;

/**
 * For our own processes: a program that uses the library would have a child for as long as it lives. `lending`: runs use
 * its programs, too; on the host that would save a fifth of a short run.
 */
export function allowKeeper({ lending }: Readonly<{ lending: boolean }>): void {
  isAllowed = true;
  lends = lending;
}

/**
 * What BPF programs can refuse inside this kernel, tried once in the life of this process. `keep`: the programs stay
 * attached from then on, if a keeper is allowed.
 */
export function kernelTrial(helper: string, keep: boolean): Promise<KernelTrial> {
  trial ??= keep && isAllowed ? tryAndKeep(helper) : tryKernel(helper);
  return trial;
}

/** Starts the keeper in the second run, if it is allowed, with the programs of this mode. */
export function keepAttached(helper: string, mode: 'gate' | 'kernel' | 'native' | 'none'): void {
  const kind: Kind = mode === 'kernel' ? 'keep-enforcing' : mode === 'native' && lends ? 'keep-native' : 'keep';
  starts += 1;
  if (!isAllowed || starts < 2 || (keeper !== null && KINDS.indexOf(kind) <= KINDS.indexOf(kept))) return;
  const last = keeper;
  start(helper, kind);
  void last?.end();
}

/** The keeper's programs, if no other run has them. */
export function borrowPrograms(): Loan | null {
  const lender = keeper;
  if (!lends || available === null || lender === null) return null;
  const words = available;
  available = null;
  return { words, giveBack: () => keeper === lender && lender.takeBack() };
}

/** Called at the end of a command, so that no process outlives it even briefly. */
export async function endKeeper(): Promise<void> {
  await keeper?.end();
}

function tryAndKeep(helper: string): Promise<KernelTrial> {
  return start(helper, 'keep-enforcing').trial;
}

/** It ends with this process at the latest: its stdin is a pipe from here. */
function start(helper: string, kind: Kind): Keeper {
  const process = execa(helper, lends ? [kind, 'lend'] : [kind], {
    stdio: ['pipe', 'pipe', 'ignore'],
    buffer: false,
    reject: false,
    cleanup: false,
    extendEnv: false,
    env: {},
  });
  const handles = [process.nodeChildProcess, ...[process.stdin, process.stdout].map((stream) => stream as Socket)];
  for (const handle of handles) handle.unref();
  process.stdin.on('error', () => {});
  const { promise, resolve } = Promise.withResolvers<KernelTrial>();
  const onLine = (line: string): void => {
    const said = JSON.parse(line) as KernelTrial | { lent: readonly string[] };
    if (!('lent' in said)) resolve(said);
    else if (keeper === started) available = said.lent;
  };
  process.stdout.on('data', cutLines(onLine));
  process.stdout.once('close', () => {
    resolve(readTrial(''));
    if (keeper === started) available = null;
  });
  const started: Keeper = {
    trial: promise,
    takeBack: () => void process.stdin.write('\n'),
    end: async () => {
      // All of them: Node.js would exit while one that was not awaited is still open.
      for (const handle of handles) handle.ref();
      process.kill('SIGKILL');
      await process;
    },
  };
  kept = kind;
  available = null;
  keeper = started;
  return started;
}
