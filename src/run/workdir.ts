/** Resources of a run whose steps ask for them: a folder, free ports, and lines for sh before and after. */

import { closeSync } from 'node:fs';
import { SetupError } from '../errors.ts';
import { openToAppend } from '../host/open-place.ts';
import { freePort, givePortsBack } from '../host/ports.ts';
import { makeFolder, removeFolder } from '../host/temporary.ts';
import { fillIn } from '../request/normalise.ts';
import { fill, type PlaceholderValues, portNames } from '../request/placeholders.ts';
import type { RunSpec, Template } from '../request/run-spec.ts';
import { commandEnvironment } from './environment.ts';
import { type Owned, startOwned } from './owned.ts';

/** Created by the caller, which also removes it. */
export type GivenPlace = Readonly<{
  /** Absolute. */
  dir: string;
  /** By name, null for `${port}`. Missing ports are added, and released after the run. */
  ports: Map<string | null, number>;
}>;

export type Workdir = Readonly<{
  /** With its placeholders replaced. */
  spec: RunSpec;
  /** Runs the setup lines. @throws SetupError `scenario-set-up`, `interrupted` */
  setUp: (signal: AbortSignal | undefined) => Promise<void>;
  /** Runs the cleanup lines, and removes what was created here. @throws SetupError `scenario-set-up` */
  close: () => Promise<void>;
}>;

const SET_UP_MS = 120_000;

/** @throws SetupError `no-port`, `no-folder`, and those of normaliseSpec() */
export async function openWorkdir(spec: RunSpec, given: GivenPlace | null): Promise<Workdir> {
  const { template } = spec;
  if (template === null) throw new Error('there is nothing to fill in');
  const ports = given?.ports ?? new Map<string | null, number>();
  const taken: number[] = [];
  const { input, setUp, cleanUp } = template;
  let made: string | null = null;
  const dispose = (): void => {
    givePortsBack(taken);
    if (made !== null) removeFolder(made);
  };
  try {
    for (const name of portNames([input, setUp, cleanUp])) {
      if (ports.has(name)) continue;
      const port = await freePort();
      taken.push(port);
      ports.set(name, port);
    }
    if (given === null && needsFolder(template)) made = makeFolder(0o755);
    const dir = given?.dir ?? made ?? '/';
    const values: PlaceholderValues = { dir, here: template.here ?? '/', port: (name) => ports.get(name) ?? 0 };
    const filled = fillIn(spec, values);
    const shell: Shell = {
      dir,
      owned: [],
      output: filled.output,
      env: commandEnvironment({ ...filled, clearEnv: false }),
    };
    return {
      spec: filled,
      setUp: (signal) => runLines(fill(setUp, values), 'set-up', shell, signal),
      close: async () => {
        try {
          await runLines(fill(cleanUp, values), 'clean-up', shell, undefined);
        } finally {
          await Promise.all(shell.owned.map((line) => line.release()));
          dispose();
        }
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Whether `${dir}` is used at all: most servers need none. */
function needsFolder({ input, setUp, cleanUp }: Template): boolean {
  return setUp.length > 0 || cleanUp.length > 0 || JSON.stringify(input).includes('${dir}');
}

type Shell = Readonly<{
  dir: string;
  output: RunSpec['output'];
  env: Readonly<Record<string, string>>;
  /** Processes that the lines leave running serve the run, and end with it. */
  owned: Owned[];
}>;

async function runLines(
  lines: readonly string[],
  what: string,
  shell: Shell,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const line of lines) await runLine(line, what, shell, signal);
}

async function runLine(
  line: string,
  what: string,
  { dir, output, env, owned }: Shell,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sink = typeof output === 'object' ? openToAppend(output.file, { truncate: false }) : null;
  const stream = sink ?? (output === 'null' ? 'ignore' : 2);
  let isLate = false;
  try {
    const interrupted = (): SetupError =>
      new SetupError('interrupted', `the ${what} was interrupted`, 'run the command again');
    if (signal?.aborted) throw interrupted();
    const command = ['sh', '-e', '-c', line];
    const program = startOwned({ command, cwd: dir, env, stdout: stream, stderr: stream, identity: null });
    owned.push(program);
    const end = (): void => program.signal('SIGKILL');
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, SET_UP_MS);
    signal?.addEventListener('abort', end, { once: true });
    const { code, signal: by, error } = await program.ended;
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    if (signal?.aborted) throw interrupted();
    if (code === 0) return;
    const how = isLate ? `took longer than ${SET_UP_MS / 1000} s` : `ended with ${error ?? code ?? by}`;
    throw new SetupError(
      'scenario-set-up',
      `the ${what} ${how}`,
      'read the output, or use --keep-dir to inspect the files',
    );
  } finally {
    if (sink !== null) closeSync(sink);
  }
}
