/** Makes the runs of an exploration: each in a lodging of its own, and looked at from all sides. */

import { readRecording } from '../../gate/recording.ts';
import { resolveIdentity } from '../../launch/identity.ts';
import type { Result } from '../../result/schema.ts';
import { type RunOptions, runSpec } from '../../run.ts';
import type { RunSpec } from '../../spec/run-spec.ts';
import type { Runner, RunOrder } from '../driver.ts';
import { runPreparation } from '../prepare.ts';
import { LAUNCHER } from './calls.ts';
import type { Observation } from './explore.ts';
import { readFolder } from './folder.ts';
import { type Lodging, openHouse } from './lodging.ts';
import { type OwnNames, scrub } from './scrub.ts';
import type { Sight } from './sight.ts';

export type Laboratory = Readonly<{
  runner: Runner;
  /** Of a result of this runner's. */
  observed: (result: Result) => Observation;
  close: () => void;
}>;

/** `prepare`: a line for sh before each run, which finds the run's folder and port as the command does; null: none. */
export function openLaboratory(prepare: string | null): Laboratory {
  const house = openHouse();
  const observations = new WeakMap<Result, Observation>();
  const make = async (spec: RunSpec, order: RunOrder, lodging: Lodging): Promise<Result> => {
    const env = { ...spec.env, ...variablesOf(lodging) };
    if (prepare !== null) await runPreparation(prepare, spec.cwd, { signal: order.signal, env });
    const isRecorded = spec.inject.length === 0;
    const names: OwnNames = { folder: lodging.folder, port: lodging.port, startedAtMs: Date.now() };
    let written = { stdout: '', stderr: '' };
    const options: RunOptions = {
      signal: order.signal,
      hurry: order.hurry,
      stdin: 'null',
      onOutput: ({ stdout, stderr }) => {
        written = { stdout: stdout ?? '', stderr: stderr ?? '' };
      },
    };
    const traceGate = isRecorded ? lodging.recording : null;
    const result = await runSpec({ ...spec, cpus: order.cpus, env, traceGate }, options);
    if (result.outcome === 'interrupted' || result.outcome === 'setup-error') return result;
    const recording = isRecorded ? { calls: await readRecording(lodging.recording), names } : null;
    observations.set(result, { sight: sightOf(result, written, names), recording });
    return result;
  };
  return {
    runner: async (spec, order) => {
      const lodging = await house.move(await resolveIdentity(spec.user));
      try {
        return await make(spec, order, lodging);
      } finally {
        lodging.leave();
      }
    },
    observed: (result) => {
      const observation = observations.get(result);
      if (observation === undefined) throw new Error(`run ${result.id} was not made here`);
      return observation;
    },
    close: house.close,
  };
}

/** What a command finds its folder and port by. */
export function variablesOf({ folder, port }: Pick<Lodging, 'folder' | 'port'>): Readonly<Record<string, string>> {
  return { KMEM_RUN_DIR: folder, KMEM_RUN_PORT: String(port), TMPDIR: `${folder}/tmp` };
}

function sightOf(result: Result, written: Readonly<{ stdout: string; stderr: string }>, names: OwnNames): Sight {
  const { outcome, steps, crashes, leftover, expectations, failures, durations } = result;
  return {
    outcome,
    exits: steps.map(({ exit }) => exit),
    stdout: scrub(written.stdout, names),
    stderr: scrub(written.stderr, names),
    files: readFolder(names),
    crashes: crashes ?? [],
    leftover: leftover.map(({ comm }) => comm).filter((comm) => comm !== LAUNCHER),
    broken: expectations.filter(({ passed, implicit }) => !passed && !implicit).map(({ expr }) => expr),
    failedIn: failures[0]?.step ?? null,
    wallMs: durations.wallMs,
  };
}
