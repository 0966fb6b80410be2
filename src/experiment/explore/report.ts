import { ownFolder } from '../../host/own-process.ts';
import { optionName, type RunInput } from '../../request/run-input.ts';
import { shellLine, shellWord } from '../../text/quote.ts';
import type { Job } from '../driver.ts';
import type { ExperimentFacts } from '../report.ts';
import { CLASSES } from './classify.ts';
import { addressOf, type ExploreHistory, type ExploreQuestion } from './explore.ts';
import { type Attempt, type CallTrial, judge } from './trials.ts';

type Standing = Readonly<{
  history: ExploreHistory;
  jobs: readonly Job[];
  count: Readonly<{ done: number; total: number }>;
  replayOf: ReplayOf | null;
}>;

export function reportOf(
  question: ExploreQuestion,
  facts: ExperimentFacts,
  { history, jobs, count, replayOf }: Standing,
): ExploreReport {
  const { ground, trials } = history;
  const lineOf = (trial: CallTrial, isHang: boolean) =>
    seenAgainBy(trial, { question, replayOf }, isHang ? facts.timeoutMs : null);
  const counts: Record<keyof ExploreCounts, number> = {
    ...{ crash: 0, hang: 0, silent: 0, leak: 0, handled: 0 },
    ...{ mute: 0, unsteady: 0, notFailed: 0 },
  };
  const findings: ExploreFinding[] = [];
  const unsteady: ExploreFinding[] = [];
  for (const trial of trials.values()) {
    const judgement = judge(trial);
    if (judgement.kind === 'absent') counts.notFailed += 1;
    else if (judgement.kind === 'unsteady') unsteady.push(findingOf(trial, judgement, lineOf));
    else counts[judgement.verdict.class] += 1;
    if (judgement.kind === 'finding') findings.push(findingOf(trial, judgement, lineOf));
    if (judgement.kind === 'handled' && judgement.verdict.mute) counts.mute += 1;
  }
  counts.unsteady = unsteady.length;
  const judged = counts.handled + findings.length;
  return {
    ...facts,
    kind: 'explore',
    warnings: [...facts.warnings, ...varyingWarnings(ground)],
    jobs: jobs.map(({ cpus }) => cpus),
    calls: ground === null ? null : callsOf(ground),
    runs: { planned: count.total, made: count.done },
    counts,
    score: judged === 0 ? null : counts.handled / judged,
    findings: findings.toSorted((a, b) => CLASSES.indexOf(a.class) - CLASSES.indexOf(b.class)),
    unsteady,
    tried: [...trials.values()].map((trial) => trialOf(trial, lineOf)),
  };
}

function callsOf({ listed, selection }: NonNullable<ExploreHistory['ground']>): ExploreReport['calls'] {
  const { wanted, duplicates, beyondLimit, chosen } = selection;
  const { calls, unstable } = listed;
  return { listed: calls.length, unstable, wanted, duplicates, beyondLimit, chosen: chosen.length };
}

type LineOf = (trial: CallTrial, isHang: boolean) => string;

/** A scenario has steps that no command line can express: then a saved run is repeated, if there is one. */
function seenAgainBy(
  { call, mode, attempts }: CallTrial,
  { question, replayOf }: Readonly<{ question: ExploreQuestion; replayOf: ReplayOf | null }>,
  timeoutMs: number | null,
): string {
  const { input, prepare } = question;
  if (!('plan' in input)) return replayLine(addressOf(call.address, mode), { input, prepare }, timeoutMs);
  const isBad = ({ verdict }: Attempt): boolean => verdict !== null && verdict.class !== 'handled';
  const made = attempts.find(isBad) ?? attempts[0];
  return replayOf === null || made === undefined ? '' : replayOf(made.id);
}

function findingOf(
  trial: CallTrial,
  { verdict, seen, runs }: Extract<ReturnType<typeof judge>, { verdict: unknown }>,
  lineOf: LineOf,
): ExploreFinding {
  const { call, mode, attempts } = trial;
  const { class: name, how, message } = verdict;
  const address = addressOf(call.address, mode);
  return {
    class: name,
    address,
    mode,
    program: call.program,
    comm: call.comm,
    syscall: call.syscall,
    detail: call.detail,
    how,
    message,
    seen,
    runs,
    ids: attempts.filter((attempt) => attempt.verdict !== null).map(({ id }) => id),
    replay: lineOf(trial, name === 'hang'),
  };
}

function trialOf(trial: CallTrial, lineOf: LineOf): ExploreTrial {
  const { call, mode } = trial;
  const judgement = judge(trial);
  const address = addressOf(call.address, mode);
  const named = { address, program: call.program, syscall: call.syscall, detail: call.detail };
  const replay = lineOf(trial, false);
  if (judgement.kind === 'absent') return { class: 'not failed', ...named, how: null, replay };
  const { class: name, how } = judgement.verdict;
  return { class: judgement.kind === 'unsteady' ? 'unsteady' : name, ...named, how, replay };
}

function varyingWarnings(ground: ExploreHistory['ground']): string[] {
  if (ground === null) return [];
  return (['stdout', 'stderr'] as const)
    .filter((stream) => ground.baseline[stream] === null)
    .map((stream) => `${stream} varies too much between undisturbed runs: it is not compared`);
}

export type ExploreClass = 'crash' | 'hang' | 'silent' | 'leak' | 'handled';

export type ExploreFinding = Readonly<{
  class: ExploreClass;
  /** Address for `--fail`. */
  address: string;
  /** Whether the call alone failed, or also all later ones of its process. */
  mode: 'once' | 'persistent';
  /** Name of the executable; null: could not be read. */
  program: string | null;
  /** Name of the process; null: could not be read. */
  comm: string | null;
  syscall: string;
  detail: string | null;
  /** What happened: `the command died of SIGSEGV`. */
  how: string;
  /** What it printed and undisturbed runs do not print; null: nothing. */
  message: string | null;
  /** Number of runs with this reaction, and of all `runs` in which the call failed. */
  seen: number;
  runs: number;
  /** Ids of these runs, for `kmem-run show`. */
  ids: readonly string[];
  /** Shell command that reproduces it. */
  replay: string;
}>;

export type ExploreTrial = Pick<ExploreFinding, 'address' | 'program' | 'syscall' | 'detail'> &
  Readonly<{
    /** `not judged`: the reaction is not known, or not yet. */
    class: ExploreClass | 'unsteady' | 'not judged' | 'not failed';
    /** What happened; null: no call failed. */
    how: string | null;
    replay: string;
  }>;

export type ExploreCounts = Readonly<Record<ExploreClass, number>> &
  Readonly<{
    /** Handled calls after which the program failed silently, with a non-zero status. */
    mute: number;
    /** Calls whose runs disagreed: neither handled nor findings. */
    unsteady: number;
    /** Addresses at which no call failed: it was not made, or cannot fail. */
    notFailed: number;
  }>;

export type ExploreReport = ExperimentFacts &
  Readonly<{
    kind: 'explore';
    /** The CPUs of each job; null: not bound. */
    jobs: readonly (readonly number[] | null)[];
    /** Numbers of calls; null: the command was not recorded. */
    calls: Readonly<{
      /** Calls that are the same in both recordings. */
      listed: number;
      unstable: number;
      /** Listed calls that --only and --in select. */
      wanted: number;
      duplicates: number;
      beyondLimit: number;
      chosen: number;
    }> | null;
    runs: Readonly<{ planned: number; made: number }>;
    counts: ExploreCounts;
    /** handled ÷ (handled + findings); null: no call was tried. */
    score: number | null;
    findings: readonly ExploreFinding[];
    unsteady: readonly ExploreFinding[];
    /** Every call that was made to fail, handled or not; absent in reports of earlier versions. */
    tried?: readonly ExploreTrial[];
  }>;

/** The shell command that repeats a saved run. */
export type ReplayOf = (id: string) => string;

/** A run's own variables in an exploration, written so that a shell creates new ones. */
const OWN_VARIABLES = { KMEM_RUN_DIR: '$(mktemp -d)', KMEM_RUN_PORT: '20000' } as const;

const VALUES = [
  'kernel',
  'vmMemory',
  'vmCpus',
  'mem',
  'memsw',
  'kmemTcp',
  'pids',
  'cgroup',
  'parent',
  'errno',
  'onOverrun',
  'onFault',
  'onEscape',
  'timeout',
  'grace',
  'hold',
  'wait',
  'quietFor',
  'quietLimit',
  'cpus',
  'user',
  'ready',
  'readyTimeout',
  'stop',
] as const satisfies readonly (keyof RunInput)[];

const DURATIONS: readonly string[] = ['timeout', 'grace', 'hold', 'quietFor', 'quietLimit', 'readyTimeout'];

const FLAGS = ['freshVm', 'background', 'allowIoUring', 'aslr', 'clearEnv'] as const;

type AskedRun = Readonly<{ input: RunInput; prepare: string | null }>;

/** `timeoutMs`: for hangs; null: as requested by the user. */
export function replayLine(address: string, { input, prepare }: AskedRun, timeoutMs: number | null): string {
  const steps = (input.then ?? []).map((step) =>
    typeof step === 'string' ? (['--then', step] as const) : (['--client', step.client] as const),
  );
  const option = (name: string, value: string): string => `${name} ${shellWord(value)}`;
  const options = [
    `--fail ${address}`,
    ...VALUES.flatMap((key) => (input[key] == null ? [] : [option(optionName(key), textOf(key, input[key]))])),
    ...(input.rw ?? []).map((folder) => option('--rw', folder)),
    ...(timeoutMs === null || input.timeout != null ? [] : [`--timeout ${timeoutMs / 1000}s`]),
    ...steps.map(([name, line]) => option(name, line)),
    ...(input.expect ?? []).map((expr) => option('--expect', expr)),
    ...FLAGS.filter((key) => input[key] === true).map(optionName),
    ...(input.cwd === undefined || input.cwd === ownFolder() ? [] : [option('--cwd', input.cwd)]),
    ...Object.entries(input.env ?? {}).map(([name, value]) => option('--env', `${name}=${value}`)),
  ];
  const said = [...input.command, ...steps.map(([, line]) => line), input.ready, input.stop, prepare].join('\n');
  const own = Object.entries(OWN_VARIABLES).filter(([name]) => said.includes(name));
  const passed = input.clearEnv === true ? own.map(([name]) => `--env ${name}`) : [];
  const variables = own.map(([name, value]) => `${name}=${value}`).join(' ');
  const line = ['kmem-run', ...options, ...passed, '--', shellLine(input.command)].join(' ');
  if (prepare === null) return variables === '' ? line : `${variables} ${line}`;
  // The run must find what it creates.
  return `${variables === '' ? '' : `export ${variables}; `}sh -c ${shellWord(prepare)} && ${line}`;
}

/** A duration given as a number is in milliseconds, but the command line would read it as seconds. */
function textOf(key: string, value: unknown): string {
  return typeof value === 'number' && DURATIONS.includes(key) ? `${value}ms` : String(value);
}
