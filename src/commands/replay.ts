import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { asSetupError, SetupError } from '../errors.ts';
import { type Conclusion, perform, type Runner } from '../experiment/driver.ts';
import { preparationFolder, runPreparation } from '../experiment/prepare.ts';
import { planReplay, type ReplayHistory, type ReplayPlan, type ReplayRun } from '../experiment/replay/replay.ts';
import type { ReplayReport } from '../experiment/replay/report.ts';
import { signalNumber } from '../host/exit-status.ts';
import { ownFolder } from '../host/own-process.ts';
import { print } from '../host/print.ts';
import { makeFolder, removeFolder } from '../host/temporary.ts';
import { saveReport } from '../host/write-beside.ts';
import { replayJson, replayText } from '../report/terminal/replay.ts';
import { setupErrorText } from '../report/terminal/run.ts';
import { optionName, type PlanInput, type RunInput, type RunRequest } from '../request/run-input.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { HOST } from '../request/run-spec.ts';
import { statuses } from '../result/outcome.ts';
import type { Result } from '../result/schema.ts';
import { runSpec } from '../run/index.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import type { Recorded } from '../statistics/recorded.ts';
import { keepBeside, keepRun } from '../store/keep.ts';
import { tokenOf } from '../store/token.ts';
import { version } from '../version.ts';
import { openGuests } from '../vm/guests.ts';
import { watchProgress } from './experiment-report.ts';
import { type ReplayArguments, readReplayArgv } from './replay-options.ts';
import { findRecorded, refuseFilledIn } from './replay-source.ts';
import { styleOfStdout } from './stored.ts';

/** `kmem-run replay`: 0 the same, 1 different, 125 not replayable. */
export async function replayCommand(argv: readonly string[]): Promise<number> {
  const given = readReplayArgv(argv);
  const recorded = await findRecorded(given.word, given.store);
  if (given.scenario === null) refuseFilledIn(recorded);
  if (given.token) {
    await print(`${tokenOf(recorded)}\n`);
    return 0;
  }
  const scratch = makeFolder(0o700);
  try {
    const { repeat, warmup, scenario } = given;
    const steps = scenario === null ? recorded.input : await stepsOfScenario(scenario, recorded.input);
    const plan = planReplay({ recorded, input: { ...steps, ...insteadOf(steps, given, scratch) }, repeat, warmup });
    if (given.dryRun) {
      await print(`${JSON.stringify(plan.spec, null, 2)}\n`);
      return 0;
    }
    refuseJsonBesideOutput(given, plan);
    return await replay({ given, recorded, plan });
  } finally {
    removeFolder(scratch);
  }
}

type ReplayContext = Readonly<{ given: ReplayArguments; recorded: Recorded; plan: ReplayPlan }>;

/** The steps of a scenario's current file, under the limits, injections and other settings of the recorded run. */
async function stepsOfScenario(word: string, recorded: RunRequest): Promise<PlanInput> {
  // It loads the parsers of YAML and of schemas.
  const { scenarioRequest } = await import('../scenario/request.ts');
  const { input } = await scenarioRequest(word, recorded.kernel ?? HOST, optionName);
  const { plan, template, cwd, env, expect, user } = input;
  const { command: _, then: __, ...settings } = recorded as Partial<RunInput & PlanInput>;
  return { ...settings, plan, template, cwd, env, expect, user };
}

/** The recorded run's output files are left unchanged; writing output is part of what is measured. */
function insteadOf(
  input: RunRequest,
  given: ReplayArguments,
  scratch: string,
): Pick<RunRequest, 'output' | 'traceGate' | 'cwd' | 'parent' | 'enforce'> {
  const { output, traceGate, kernel } = input;
  const elsewhere = typeof output === 'object' ? { output: { file: join(scratch, 'output') } } : {};
  // A microVM does not share that folder.
  const trace = kernel == null ? join(scratch, 'trace') : null;
  return {
    ...(given.output === null ? elsewhere : { output: given.output }),
    ...(traceGate == null ? {} : { traceGate: trace }),
    ...(given.cwd === null ? {} : { cwd: given.cwd }),
    ...(kernel == null && input.parent == null ? given.defaults : {}),
    ...given.placement,
  };
}

function refuseJsonBesideOutput({ json }: ReplayArguments, { spec }: ReplayPlan): void {
  if (json !== '-' || spec.output !== 'inherit') return;
  throw new SetupError('json-on-stdout', '--json -: the command uses stdout', 'add --output null, or use --json FILE');
}

async function replay(context: ReplayContext): Promise<number> {
  const { given, recorded, plan } = context;
  const watch = watchReplay(context);
  const interrupts = watchInterrupts();
  let conclusion: Conclusion<ReplayHistory>;
  const guests = openGuests(1);
  const make = runnerWith(given.stdin);
  try {
    conclusion = await perform(plan, plan.empty, {
      jobs: [{ cpus: null }],
      runner: (spec, order) => make(spec, { ...order, guests }),
      prepare: async (spec, signal) => {
        giveStdin(given.stdin);
        const command = given.prepare ?? recorded.prepare;
        if (command !== null) await runPreparation(command, preparationFolder(spec, ownFolder()), { signal, env: {} });
      },
      keep: (run, result) => keep(run, result, given),
      onStart: watch.onStart,
      onEnd: watch.onEnd,
      signal: interrupts.signal,
      kill: interrupts.kill,
    });
  } finally {
    await guests.close();
    watch.close();
  }
  const report = reportOf(context, conclusion);
  const failure = await printReplay(report, given, interrupts.beginReport());
  if (report.status === 'failed' || failure !== null) return statuses.setupError;
  if (report.status === 'stopped')
    return statuses.signalBase + (signalNumber(interrupts.signalName() ?? 'SIGTERM') ?? 0);
  return report.verdict === 'same' ? 0 : 1;
}

/** On the CPUs that the recorded run was bound to, according to its spec. */
function runnerWith(stdin: string | null): Runner {
  return (spec, { signal, kill, guests }) =>
    runSpec(spec, { signal, kill, guests, ...(stdin === null ? { stdin: 'null' } : {}) });
}

/** Each run gets the same input: the whole file, or nothing. */
function giveStdin(file: string | null): void {
  closeSync(0);
  // Becomes the lowest free number.
  openSync(file ?? '/dev/null', 'r');
}

function watchReplay({ given, plan }: ReplayContext) {
  const watched = {
    nameOf: ({ kind }: ReplayRun) => kind,
    placeOf: ({ kind }: ReplayRun) => (kind === 'replay' ? { point: 0, repeat: 0 } : null),
    count: (history: ReplayHistory) => ({ done: history.replays.length, total: plan.total(history) }),
  };
  // The command's own output would run into a redrawn line.
  return watchProgress(watched, plan.empty, { quiet: given.quiet, redraws: plan.spec.output !== 'inherit' });
}

/** @throws SetupError if the store rejects it; the result is then in a separate file, or on stderr */
function keep({ kind }: ReplayRun, result: Result, { keeps, store, label }: ReplayArguments): void {
  const reason = keeps && kind === 'replay' ? keepRun(result, { store, label }) : null;
  if (reason === null) return;
  const { error, file, json } = keepBeside(result, reason);
  if (file === null) process.stderr.write(json);
  throw error;
}

function reportOf(
  { given, recorded, plan }: ReplayContext,
  { history, ended, error }: Conclusion<ReplayHistory>,
): ReplayReport {
  return {
    schemaVersion: 1,
    kind: 'replay',
    status: ended,
    error: error === null ? null : { code: error.code, message: error.message, hint: error.hint },
    recorded,
    replays: history.replays,
    ...plan.compared(history),
    notReproduced: notReproduced(recorded.input, plan.spec, given),
    warnings: [],
    kmemRun: version,
  };
}

function notReproduced(
  { clearEnv, output, traceGate, parent, enforce = 'auto' }: RunRequest,
  spec: RunSpec,
  given: ReplayArguments,
): string[] {
  const isElsewhere = typeof output === 'object' && given.output === null;
  return [
    ...(given.stdin === null ? ['stdin: empty'] : []),
    ...(clearEnv === true ? [] : ["variables not set with --env: this shell's are used"]),
    'files, other processes and the time',
    ...(isElsewhere ? ['the output file: a temporary one is used'] : []),
    ...(traceGate == null ? [] : ['the file of the gate trace: a temporary one is used, or none in a microVM']),
    ...(given.cwd === null ? [] : ['the working directory: this one is used']),
    ...(spec.parent === (parent ?? null) ? [] : ['the parent cgroup: another one is used']),
    ...(spec.enforce === enforce ? [] : [`the enforcement: ${spec.enforce} instead of ${enforce}`]),
    ...(spec.template === null ? [] : ['the folder and the ports of the run: each replay has its own']),
    ...(given.scenario === null ? [] : ['the steps: read from the scenario file as it is now']),
  ];
}

/** Null if all was reported; otherwise the error. */
async function printReplay(
  report: ReplayReport,
  { json, quiet, color }: ReplayArguments,
  givenUp: AbortSignal,
): Promise<SetupError | null> {
  let failure: SetupError | null = null;
  try {
    if (json !== null) await saveReport(json, replayJson(report), givenUp);
  } catch (error) {
    failure = asSetupError(error);
  }
  if (report.verdict === null && report.error !== null) process.stderr.write(setupErrorText(report.error));
  else if (!quiet && json === '-') process.stderr.write(replayText(report, styleOfStdout(color)));
  else if (!quiet) void print(replayText(report, styleOfStdout(color)));
  if (failure !== null) process.stderr.write(setupErrorText(failure));
  return failure;
}
