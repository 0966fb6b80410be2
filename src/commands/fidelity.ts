import { release } from 'node:os';
import { join } from 'node:path';
import { SetupError } from '../errors.ts';
import { answerFile, answerTo, type InsideRequest } from '../experiment/fidelity/inside.ts';
import { askMachine, type FromMachine } from '../experiment/fidelity/machine.ts';
import type { RunFunction } from '../experiment/fidelity/measure.ts';
import { type Answered, pageWith, type Report, referenceFor, reportOf } from '../experiment/fidelity/outcome.ts';
import { createProgress, type Standing } from '../experiment/progress.ts';
import { packageRoot } from '../gate/find-helper.ts';
import { signalNumber } from '../host/exit-status.ts';
import { print } from '../host/print.ts';
import { saveReport } from '../host/write-beside.ts';
import { writeReport } from '../host/write-file.ts';
import { findKernel } from '../kernels/find.ts';
import type { NativeModule } from '../kernels/types.ts';
import { createStatusLine } from '../report/terminal/live.ts';
import { runSpec } from '../run/index.ts';
import { type Interrupts, watchInterrupts } from '../run/interrupts.ts';
import { type FidelityArguments, parseFidelityArgv } from './fidelity-options.ts';

/** `kmem-run fidelity`: 0 if the modes behave as the kernel itself does, 1 if not. */
export async function fidelityCommand(argv: readonly string[]): Promise<number> {
  const given = parseFidelityArgv(argv);
  const interrupts = watchInterrupts();
  try {
    if ('inside' in given) {
      const { close, ...callbacks } = progressCallbacks(true);
      const optionsFor = (module: NativeModule | null) => ({ run: runnerOf(interrupts, null, module), ...callbacks });
      await answerFile(given.inside, optionsFor).finally(close);
      return 0;
    }
    return await compare(given, interrupts);
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
    return interrupted(interrupts.signalName());
  }
}

async function compare(given: FidelityArguments, interrupts: Interrupts): Promise<number> {
  const { request, kernels, parent, json, markdown } = given;
  // A reader of JSON wants nothing else.
  const live = json !== '-';
  const answers =
    kernels === null
      ? [await answerHere(request, runnerOf(interrupts, parent), live)]
      : await answerOnEach(given, kernels, interrupts, live);
  if (answers === null || interrupts.signal.aborted) return interrupted(interrupts.signalName());
  const givenUp = interrupts.beginReport();
  const report = reportOf(request, answers);
  printReport(report, live);
  if (json !== null) await saveReport(json, `${JSON.stringify(report.json, null, 2)}\n`, givenUp);
  if (markdown !== null && report.markdown !== null)
    await writeReport(markdown, pageWith(markdown, report.markdown), givenUp);
  return report.same ? 0 : 1;
}

async function answerHere(request: InsideRequest, run: RunFunction, live: boolean): Promise<Answered> {
  const { close, ...callbacks } = progressCallbacks(live);
  try {
    const answer = await answerTo(request, { run, ...callbacks });
    return { answer, version: release() };
  } catch (error) {
    if (!(error instanceof SetupError && error.code === 'native-not-enforced')) throw error;
    const hint = 'leave out --here to boot a kernel that enforces (see kmem-run kernel)';
    throw new SetupError(error.code, error.message, hint, { cause: error });
  } finally {
    close();
  }
}

/** One microVM after the other; null: interrupted. */
async function answerOnEach(
  given: FidelityArguments,
  kernels: readonly string[],
  interrupts: Interrupts,
  live: boolean,
): Promise<Answered[] | null> {
  const answers: Answered[] = [];
  for (const kernel of kernels) {
    if (live && kernels.length > 1) void print(`Linux ${kernel}:\n`);
    const { native: module } = await findKernel(kernel);
    const request = requestOn(given, { kernels, answers, module });
    const { answer, version } = await answerInVm(request, kernel, interrupts, live);
    if (answer === null) return null;
    answers.push({ answer, version });
  }
  return answers;
}

/** The first kernel must have a limit of its own; a mode must work on one of them. */
function requestOn(
  given: FidelityArguments,
  {
    kernels,
    answers,
    module,
  }: Readonly<{ kernels: readonly string[]; answers: readonly Answered[]; module: NativeModule }>,
): FidelityArguments {
  const { request } = given;
  const sides = answers.flatMap(({ version, answer }) =>
    answer.kind === 'rows' ? [{ kernel: version, readings: answer.readings }] : [],
  );
  const native = answers.length > 0 ? (['native'] as const) : [];
  const optional = kernels.length > 1 ? [...native, 'kernel' as const] : [];
  const next = request.kind === 'rows' ? { ...request, optional, reference: referenceFor('', sides) } : request;
  return { ...given, request: { ...next, optional, module } };
}

/** Each row as soon as it is measured, and on a terminal a progress line below. */
function progressCallbacks(live: boolean) {
  const { stderr } = process;
  const onTerminal = live && stderr.isTTY === true;
  const progress = onTerminal
    ? createProgress({ stream: stderr, isTerminal: true, now: () => performance.now() })
    : null;
  return {
    say: (text: string): void => {
      if (progress !== null) progress.beside(() => void print(text));
      else if (live) void print(text);
    },
    onProgress: (standing: Standing): void => progress?.update(standing),
    close: (): void => progress?.close(),
  };
}

function answerInVm(
  { request, vmMemory, vmCpus }: FidelityArguments,
  kernel: string,
  { signal, kill }: Interrupts,
  live: boolean,
): Promise<FromMachine> {
  const program = join(packageRoot(import.meta.dirname), 'bin', 'kmem-run.js');
  const onPreparation = process.stderr.isTTY === true ? createStatusLine(process.stderr) : undefined;
  return askMachine(request, {
    run: runSpec,
    inside: [process.execPath, program, 'fidelity', '--inside'],
    ...{ kernel, vmMemory, vmCpus, live },
    options: { signal, kill, onPreparation },
  });
}

/** An interrupted run shows nothing about either mode: no further run is started. */
function runnerOf(
  { signal, kill }: Interrupts,
  parent: string | null = null,
  module: NativeModule | null = null,
): RunFunction {
  return (spec) => {
    if (signal.aborted) throw new Error('interrupted');
    return runSpec({ ...spec, parent }, { signal, kill, module: module ?? undefined });
  };
}

function printReport({ text }: Report, live: boolean): void {
  if (live) void print(text);
  else process.stderr.write(text);
}

function interrupted(signal: string | null): number {
  process.stderr.write('kmem-run: interrupted; everything made for the comparison has been removed\n');
  return 128 + (signalNumber(signal ?? 'SIGTERM') ?? 0);
}
