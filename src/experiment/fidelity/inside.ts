/**
 * Performs the comparison on the running kernel. In a microVM the request and the answer are files, so that the whole
 * comparison takes a single boot.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asSetupError, SetupError } from '../../errors.ts';
import type { NativeModule } from '../../kernels/types.ts';
import { size } from '../../text/figures.ts';
import type { Standing } from '../progress.ts';
import { type CommandAnswer, type CommandRequest, compareCommand } from './command.ts';
import { type ComparedMode, compareRow, type MeasuredMode, type Reading, type Side } from './judge.ts';
import { countRuns, limitsFor, measureRows, type RowsRequest, type RunFunction } from './measure.ts';
import { tableHead, tableLine } from './table.ts';
import { openWorkshop } from './workload.ts';

export type InsideRequest =
  | (Readonly<{
      kind: 'rows';
      /** Another kernel's own limit, for interim output if this one has none; null: there is no other. */
      reference: Side | null;
    }> &
      RowsRequest &
      Optional)
  | (Readonly<{ kind: 'command' }> & CommandRequest & Optional);
/** `optional`: modes to leave out, instead of failing, if they do not work on this kernel. */
type Optional = Readonly<{
  optional: readonly MeasuredMode[];
  /** For native, if the kernel has no limit of its own; null: on the running kernel. */
  module: NativeModule | null;
}>;
export type Measured =
  | Readonly<{ kind: 'rows'; readings: readonly Reading[] }>
  | (Readonly<{ kind: 'command' }> & CommandAnswer);
type InsideAnswer = Measured | Readonly<{ kind: 'error'; code: string; message: string; hint: string }>;

export type InsideOptions = Readonly<{
  run: RunFunction;
  /** Called with each line of interim output. */
  say: (text: string) => void;
  /** Called with the progress, if known. */
  onProgress: (standing: Standing) => void;
}>;

/** @throws SetupError where a run could not be made. */
export async function answerTo(request: InsideRequest, options: InsideOptions): Promise<Measured> {
  try {
    return request.kind === 'command' ? await answerCommand(request, options) : await answerRows(request, options);
  } catch (error) {
    const missing = error instanceof SetupError ? missingMode(error) : null;
    if (missing === null || !request.optional.includes(missing)) throw error;
    options.say(`  without ${missing}: ${asSetupError(error).message}\n`);
    return await answerTo({ ...request, modes: request.modes.filter((mode) => mode !== missing) }, options);
  }
}

function missingMode({ code }: SetupError): MeasuredMode | null {
  if (code === 'native-not-enforced') return 'native';
  return code === 'no-enforcement' ? 'kernel' : null;
}

type Request<Kind> = Extract<InsideRequest, { kind: Kind }>;

async function answerCommand(request: Request<'command'>, { run, say }: InsideOptions): Promise<Measured> {
  const onTrial = (mode: MeasuredMode, limit: number, passed: boolean): void =>
    say(`  ${mode.padEnd(6)}  ${size(limit)} ${passed ? 'passes' : 'does not pass'}\n`);
  return { kind: 'command', ...(await compareCommand(request, { run, onTrial })) };
}

async function answerRows(request: Request<'rows'>, { run, say, onProgress }: InsideOptions): Promise<Measured> {
  const workshop = openWorkshop(request.program);
  try {
    let head = tableHead(request.limits);
    const onRow = (readings: readonly Reading[]): void => {
      const row = request.rows.find(({ name }) => name === readings[0]?.row);
      const compared = { kernel: '', readings };
      const reference = request.modes.includes('native') ? compared : (request.reference ?? compared);
      if (row === undefined) return;
      for (const mode of comparedIn(request.modes)) {
        say(head + tableLine(compareRow(row, limitsFor(row, request.limits), { mode, compared, reference })));
        head = '';
      }
    };
    const total = countRuns(request);
    const onRun = (made: number, now: string): void => onProgress({ now: [now], made, done: made, total, last: null });
    return { kind: 'rows', readings: await measureRows(request, { run, workshop, onRow, onRun }) };
  } finally {
    workshop.close();
  }
}

/** All but the reference. */
export function comparedIn(modes: readonly MeasuredMode[]): ComparedMode[] {
  return modes.filter((mode) => mode !== 'native');
}

export function writeRequest(folder: string, request: InsideRequest): void {
  writeFileSync(requestFile(folder), JSON.stringify(request));
}

/** Called inside. Never throws: errors are in the answer. */
export async function answerFile(
  folder: string,
  optionsFor: (module: NativeModule | null) => InsideOptions,
): Promise<void> {
  const request: InsideRequest = JSON.parse(readFileSync(requestFile(folder), 'utf8'));
  const answer = await answerTo(request, optionsFor(request.module)).catch((error): InsideAnswer => {
    const { code, message, hint } = asSetupError(error);
    return { kind: 'error', code, message, hint };
  });
  writeFileSync(answerFileOf(folder), JSON.stringify(answer));
}

/** @throws SetupError what went wrong inside, or `no-answer`. */
export function readAnswer(folder: string): Measured {
  let answer: InsideAnswer;
  try {
    answer = JSON.parse(readFileSync(answerFileOf(folder), 'utf8'));
  } catch (error) {
    const hint = 'run the command again; if the error remains, please report it';
    throw new SetupError('no-answer', 'the comparison ended without a result', hint, { cause: error });
  }
  if (answer.kind === 'error') throw new SetupError(answer.code, answer.message, answer.hint);
  return answer;
}

function requestFile(folder: string): string {
  return join(folder, 'request.json');
}

function answerFileOf(folder: string): string {
  return join(folder, 'answer.json');
}
