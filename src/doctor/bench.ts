/** State shared by the checks: everything is done once, and with the code that a run uses. */

import { readHierarchies } from '../cgroup/hierarchies.ts';
import type { Hierarchies } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import { helperPath } from '../gate/helper.ts';
import { execa } from '../host/execa.ts';
import type { RunInput } from '../request/run-input.ts';
import type { Result } from '../result/schema.ts';
import { run } from '../run/index.ts';

/** What `kmem-helper probe` reports about a listener in a throwaway child. */
export type ListenerProbe = Readonly<{
  /** It was installed, and answered a call. */
  listener: boolean;
  /** The error of its installation; 0: none. */
  errno: number;
  noNewPrivs: boolean;
  syncWakeUp: boolean;
}>;

/** Kinds of BPF programs; programs.ts says what each is for. */
export type ProgramKind = 'faults' | 'readings' | 'moves' | 'refusals' | 'allocations' | 'objects';

/** What `kmem-helper programs` reports about a kind that it loaded, attached and exercised. */
export type ProgramTrial = Readonly<{
  kind: ProgramKind;
  /** The section of the program that does not load (`tp_btf/sys_exit`); null: all load, or no map could be created. */
  program: string | null;
  /** Why it does not load, or why nothing could be done that it would see; 0: success. */
  errno: number;
  works: boolean;
}>;

export type ProgramTrials = Readonly<{
  /** The kernel's types can be read (BTF). */
  types: boolean;
  of: (kind: ProgramKind) => ProgramTrial;
}>;

/** A program in a group, with no limit and no gate. */
export type BenchRun = Readonly<{
  result: Result;
  /** Why randomisation could not be turned off; null if it could. */
  randomised: SetupError | null;
}>;

export type Bench = Readonly<{
  /** Directory under which groups are created; null: our own cgroup. */
  parent: string | null;
  hierarchies: () => Hierarchies;
  helper: () => string;
  listener: () => Promise<ListenerProbe>;
  programs: () => Promise<ProgramTrials>;
  /** Runs a program that does nothing. */
  run: (input: Omit<RunInput, 'command'>) => Promise<Result>;
  trial: () => Promise<BenchRun>;
}>;

export type BenchOptions = Readonly<{
  parent: string | null;
  /** When aborted, the current run is stopped and cleaned up. */
  signal: AbortSignal;
}>;

const TIMEOUT_MS = 10_000;

/** Tries nothing yet. The methods throw SetupError as a run does. */
export function openBench({ parent, signal }: BenchOptions): Bench {
  const runNothing: Bench['run'] = (input) =>
    run(
      {
        // The helper is certain to exist, needs no library and, given no files to check, exits at once.
        command: [helperPath(), 'locks'],
        parent,
        output: 'null',
        sample: 'off',
        timeout: TIMEOUT_MS,
        grace: 0,
        cwd: '/',
        clearEnv: true,
        ...input,
      },
      { signal },
    );
  const hierarchies = once(readHierarchies);
  return {
    parent,
    hierarchies,
    helper: helperPath,
    listener: once(() => probeListener(helperPath())),
    programs: once(() => tryPrograms(helperPath(), hierarchies())),
    run: runNothing,
    trial: once(() => tryToStart(runNothing)),
  };
}

/** Keeps randomisation on if it cannot be turned off, so that one missing feature does not hide others. */
async function tryToStart(runNothing: Bench['run']): Promise<BenchRun> {
  try {
    return { result: await runNothing({ enforce: 'none' }), randomised: null };
  } catch (error) {
    if (!(error instanceof SetupError) || error.code !== 'no-personality') throw error;
    return { result: await runNothing({ enforce: 'none', aslr: true }), randomised: error };
  }
}

async function probeListener(helper: string): Promise<ListenerProbe> {
  const [probe] = await askHelper(helper, 'probe');
  return probe as ListenerProbe;
}

async function tryPrograms(helper: string, { memory }: Hierarchies): Promise<ProgramTrials> {
  const join = memory?.own == null ? [] : [`${memory.own}/${memory.version === 1 ? 'tasks' : 'cgroup.procs'}`];
  const lines = await askHelper(helper, 'programs', ...join);
  const trials = lines.filter((line): line is ProgramTrial => 'kind' in line);
  return {
    types: lines.some((line) => 'types' in line && line.types === true),
    of: (kind) => {
      const found = trials.find((trial) => trial.kind === kind);
      if (found === undefined) throw noAnswer(helper, 'programs');
      return found;
    },
  };
}

/** The helper's answer: one object per line, and at least one. */
async function askHelper(helper: string, ...args: readonly [string, ...string[]]): Promise<object[]> {
  const { stdout } = await execa(helper, args, { reject: false, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
  try {
    return stdout.split('\n').map((line) => JSON.parse(line) as object);
  } catch (error) {
    throw noAnswer(helper, args[0], error);
  }
}

function noAnswer(helper: string, command: string, cause?: unknown): SetupError {
  const message = `the native helper did not answer: ${helper} ${command}`;
  return new SetupError('helper-failed', message, 'reinstall kmem-run', { cause });
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
