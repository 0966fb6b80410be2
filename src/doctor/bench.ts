/** What the checks share: everything is done once, and by the code that a run uses. */

import { execa } from 'execa';
import { readHierarchies } from '../cgroup/hierarchies.ts';
import type { Hierarchies } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import { helperPath } from '../gate/helper.ts';
import type { RunInput } from '../request/run-input.ts';
import type { Result } from '../result/schema.ts';
import { run } from '../run/index.ts';

/** What `kmem-helper probe` says of a listener in a throwaway child. */
export type ListenerProbe = Readonly<{
  /** It was installed, and answered a call. */
  listener: boolean;
  /** Why it could not be installed; 0: it was. */
  errno: number;
  noNewPrivs: boolean;
  syncWakeUp: boolean;
}>;

/** A program in a group, with no limit and no gate. */
export type BenchRun = Readonly<{
  result: Result;
  /** Why randomisation could not be turned off; null: it could. */
  randomised: SetupError | null;
}>;

export type Bench = Readonly<{
  /** Directory under which groups are made; null: the own cgroup. */
  parent: string | null;
  hierarchies: () => Hierarchies;
  helper: () => string;
  listener: () => Promise<ListenerProbe>;
  /** A run of a program that does nothing. */
  run: (input: Omit<RunInput, 'command'>) => Promise<Result>;
  trial: () => Promise<BenchRun>;
}>;

export type BenchOptions = Readonly<{
  parent: string | null;
  /** Aborted: a run that is under way ends and tears down. */
  signal: AbortSignal;
}>;

const TIMEOUT_MS = 10_000;

/** Nothing is tried yet. What is asked of it throws SetupError as a run does. */
export function openBench({ parent, signal }: BenchOptions): Bench {
  const runNothing: Bench['run'] = (input) =>
    run(
      {
        // The helper is a program that is there for certain, needs no library and, with no files to look at, ends at once.
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
  return {
    parent,
    hierarchies: once(readHierarchies),
    helper: helperPath,
    listener: once(() => probeListener(helperPath())),
    run: runNothing,
    trial: once(() => tryToStart(runNothing)),
  };
}

/** With randomisation on where it cannot be turned off, so that one lack does not hide others. */
async function tryToStart(runNothing: Bench['run']): Promise<BenchRun> {
  try {
    return { result: await runNothing({ enforce: 'none' }), randomised: null };
  } catch (error) {
    if (!(error instanceof SetupError) || error.code !== 'no-personality') throw error;
    return { result: await runNothing({ enforce: 'none', aslr: true }), randomised: error };
  }
}

async function probeListener(helper: string): Promise<ListenerProbe> {
  const { stdout } = await execa(helper, ['probe'], { reject: false, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' });
  try {
    return JSON.parse(stdout) as ListenerProbe;
  } catch (error) {
    throw new SetupError('helper-failed', `the native helper gave no answer: ${helper} probe`, 'reinstall kmem-run', {
      cause: error,
    });
  }
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
