import type { Process } from '../cgroup/processes.ts';
import { asSetupError, SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import { createLiveLine, createStatusLine, stayText } from '../report/terminal/live.ts';
import { setupErrorText, textReport } from '../report/terminal/run.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { optionName, type RunInput } from '../request/run-input.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { exitStatus } from '../result/outcome.ts';
import type { Result } from '../result/schema.ts';
import { type Progress, runSpec } from '../run/index.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import { shellWord } from '../text/quote.ts';
import type { RunArguments } from './parse-argv.ts';
import { parseRunArgv } from './run-options.ts';
import { namingSettings } from './settings.ts';

type Report = RunArguments['report'];

/** `kmem-run [run] [options] -- command`: argv → spec → run → report. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const { input, report, sources } = parseRunArgv(argv);
  const spec = normaliseSpec(input, { nameOf: optionName });
  if (report.dryRun) {
    // What a run fills in is not known in advance.
    await print(`${JSON.stringify({ ...spec, ...spec.template?.input, sources }, null, 2)}\n`);
    return 0;
  }
  return perform(spec, report, mayStay(input, report));
}

async function perform(spec: RunSpec, report: Report, stays: boolean): Promise<number> {
  const interrupts = watchInterrupts();
  const view = watchOnTerminal(spec, report, stays);
  let result: Result | undefined;
  let failed: SetupError | null = null;
  // If the microVM's command holds the terminal, Ctrl-C does not reach this process.
  let inside: string | null = null;
  try {
    result = await runSpec(spec, {
      signal: interrupts.signal,
      kill: interrupts.kill,
      onProgress: view.onProgress,
      onStay: view.onStay,
      onPreparation: showsPreparation(report) ? createStatusLine(process.stderr) : undefined,
      onInterrupted: (signal) => {
        inside = signal;
      },
    });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    failed = namingSettings(error);
    result = error.result as Result | undefined;
  } finally {
    view.close();
  }
  const givenUp = interrupts.beginReport();
  const errors = result === undefined ? [] : await saveResult(result, { report, failed, givenUp });
  printReport(failed, result, report);
  for (const error of errors) process.stderr.write(setupErrorText(error));
  if (result !== undefined && report.keep && errors.length === 0 && failed === null && !report.quiet)
    printKept(result, report);
  if (errors.length > 0 || result === undefined) return CANNOT;
  return exitStatus(result, interrupts.signalName() ?? inside);
}

const CANNOT = 125;

type Saving = Readonly<{ report: Report; failed: SetupError | null; givenUp: AbortSignal }>;

/**
 * Saves the result as --json and --keep specify. Failures are returned; a result that is in neither place is written to
 * a separate file. A run that could not be made already has an error, which matters more.
 */
async function saveResult(result: Result, { report, failed, givenUp }: Saving): Promise<SetupError[]> {
  const unwritten = report.json === null ? null : await writeResult(result, report.json, givenUp);
  if (!report.keep && unwritten === null) return [];
  // Loads node:sqlite: only after the command.
  const { keepBeside, keepRun } = await import('../store/keep.ts');
  const unkept = report.keep ? keepRun(result, report) : null;
  const [first, ...others] = [unwritten, unkept].filter((error) => error !== null);
  if (failed !== null || first === undefined) return [];
  if (others.length === 0 && report.keep && report.json !== null) return [first];
  const { error, file, json } = keepBeside(result, first);
  // No folder accepted it either: this is the only copy.
  if (file === null) process.stderr.write(json);
  return [error, ...others];
}

/** Null if it was written. */
async function writeResult(result: Result, file: string, givenUp: AbortSignal): Promise<SetupError | null> {
  try {
    // Loads zod: after the command, never before.
    const { writeJson } = await import('../report/formats.ts');
    await writeJson(file, result, givenUp);
    return null;
  } catch (error) {
    return asSetupError(error);
  }
}

function printReport(failed: SetupError | null, result: Result | undefined, report: Report): void {
  const ran = result !== undefined && result.steps.length > 0;
  if (failed !== null && !ran) process.stderr.write(setupErrorText(failed));
  else if (result !== undefined && !report.quiet) {
    const { verbose, plot } = report;
    const color = report.color ?? (process.stderr.isTTY === true && !process.env.NO_COLOR);
    process.stderr.write(textReport(result, { color, width: process.stderr.columns || null, verbose, plot }));
  } else if (failed !== null) process.stderr.write(setupErrorText(failed));
}

function printKept({ id }: Result, { store }: Report): void {
  process.stderr.write(`kmem-run: saved: kmem-run show ${id}${store === null ? '' : ` --store ${shellWord(store)}`}\n`);
}

function showsPreparation({ quiet }: Report): boolean {
  return process.stderr.isTTY === true && !quiet;
}

type View = Readonly<{
  onProgress: ((progress: Progress) => void) | undefined;
  onStay: ((processes: readonly Process[]) => void) | undefined;
  close: () => void;
}>;

/** The live line: from the start if the command does not hold the terminal, otherwise once only a daemon is left. */
function watchOnTerminal(spec: RunSpec, { quiet }: Report, stays: boolean): View {
  if (process.stderr.isTTY !== true || quiet) return { onProgress: undefined, onStay: undefined, close: () => {} };
  const line = createLiveLine(process.stderr, spec.limits.kmem);
  let isShown = spec.output !== 'inherit';
  return {
    onProgress: (progress) => {
      if (isShown) line.update(progress);
    },
    onStay: stays
      ? (processes) => {
          line.clear();
          process.stderr.write(`kmem-run: ${stayText(processes, spec)}\n`);
          isShown = true;
        }
      : undefined,
    close: line.clear,
  };
}

/** A user who starts a daemon and requests nothing else wants to inspect it. */
function mayStay(input: RunInput, { quiet }: Report): boolean {
  const isTerminal = process.stderr.isTTY === true && process.stdin.isTTY === true;
  return isTerminal && !quiet && input.wait === undefined && (input.then ?? []).length === 0;
}
