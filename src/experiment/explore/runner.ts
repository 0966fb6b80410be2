/** Performs the runs of an exploration: each in its own place, and fully observed. */

import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readRecording } from '../../gate/recording.ts';
import { freePort, givePortsBack } from '../../host/ports.ts';
import { makeFolder as makeTemporaryFolder, removeFolder } from '../../host/temporary.ts';
import type { RunSpec } from '../../request/run-spec.ts';
import type { Result } from '../../result/schema.ts';
import { firstFailure } from '../../result/summary.ts';
import { resolveIdentity } from '../../run/identity.ts';
import { runSpec } from '../../run/index.ts';
import type { RunnerOptions } from '../../run/options.ts';
import type { Runner, RunOrder } from '../driver.ts';
import { preparationFolder, runPreparation } from '../prepare.ts';
import { LAUNCHER } from './calls.ts';
import type { ObservedRun } from './explore.ts';
import { brokenOnes, exitOf, type Observation, readFolder, serversIn } from './observation.ts';
import { type OwnNames, scrub } from './scrub.ts';

export type ObservingRunner = Readonly<{
  runner: Runner;
  /** For a result of this runner. */
  observed: (result: Result) => ObservedRun;
  close: () => void;
}>;

/**
 * `prepare`: a shell command before each run, which finds the run's folder and port as the command does; null: none.
 */
export function openRunner(prepare: string | null): ObservingRunner {
  const places = openPlaces();
  const observations = new WeakMap<Result, ObservedRun>();
  const make = async (asked: RunSpec, order: RunOrder, place: RunPlace): Promise<Result> => {
    const { folder, port } = place;
    const spec = withPlace(asked, place, order);
    if (prepare !== null) {
      const env = { ...asked.env, ...variablesOf(folder, port) };
      await runPreparation(prepare, preparationFolder(spec, folder), { signal: order.signal, env });
    }
    const isRecorded = spec.inject.length === 0;
    const ports = new Map<string | null, number>([[null, port]]);
    const startedAtMs = Date.now();
    let written = { stdout: '', stderr: '' };
    const options: RunnerOptions = {
      signal: order.signal,
      kill: order.kill,
      guests: order.guests,
      stdin: 'null',
      place: { dir: folder, ports },
      onOutput: ({ stdout, stderr }) => {
        written = { stdout: stdout ?? '', stderr: stderr ?? '' };
      },
    };
    const traceGate = isRecorded ? place.recording : null;
    const made = await runSpec({ ...spec, traceGate }, options);
    // The folder that was shared for this run alone is not part of the request.
    const result = { ...made, spec: { ...made.spec, vm: asked.vm } };
    const names: OwnNames = { folder, ports: [...ports.values()], startedAtMs };
    if (result.outcome === 'interrupted' || result.outcome === 'setup-error') return result;
    const recording = isRecorded ? { calls: await readRecording(place.recording), names } : null;
    observations.set(result, { observation: observe(result, written, names), recording });
    return result;
  };
  return {
    runner: async (spec, order) => {
      const place = await places.make(await resolveIdentity(spec.user));
      try {
        return await make(spec, order, place);
      } finally {
        place.remove();
      }
    },
    observed: (result) => {
      const observedRun = observations.get(result);
      if (observedRun === undefined) throw new Error(`run ${result.id} was not made here`);
      return observedRun;
    },
    close: places.close,
  };
}

/** Variables that name a command's folder and port. */
function variablesOf(folder: string, port: number | string): Readonly<Record<string, string>> {
  return { KMEM_RUN_DIR: folder, KMEM_RUN_PORT: String(port), TMPDIR: `${folder}/tmp` };
}

/** In a microVM, which has its own CPUs, the folders of all runs are shared: guests serve runs that share the same. */
function withPlace(asked: RunSpec, place: RunPlace, { cpus }: RunOrder): RunSpec {
  const spec = withVariables(asked, place);
  return spec.vm === null
    ? { ...spec, cpus }
    : { ...spec, vm: { ...spec.vm, rw: [...spec.vm.rw, dirname(place.folder)] } };
}

/** Uses placeholders if the run has some: a replay of the run has another folder and another port. */
function withVariables(spec: RunSpec, { folder, port }: RunPlace): RunSpec {
  const { template, env } = spec;
  if (template === null) return { ...spec, env: { ...env, ...variablesOf(folder, port) } };
  const own = { ...(template.input.env as RunSpec['env'] | undefined), ...variablesOf('${dir}', '${port}') };
  const setUp = ['mkdir -p -m 1777 tmp', ...template.setUp];
  return { ...spec, template: { ...template, setUp, input: { ...template.input, env: own } } };
}

function observe(result: Result, written: Readonly<{ stdout: string; stderr: string }>, names: OwnNames): Observation {
  const { outcome, steps, crashes, leftover, expectations, durations } = result;
  const failure = firstFailure(result);
  return {
    outcome,
    exits: steps.map(exitOf),
    errors: steps.map(({ error }) => error),
    servers: serversIn(steps, failure),
    stdout: scrub(written.stdout, names),
    stderr: scrub(written.stderr, names),
    files: readFolder(names),
    crashes: crashes ?? [],
    leftover: leftover.map(({ comm }) => comm).filter((comm) => comm !== LAUNCHER),
    broken: brokenOnes(expectations),
    failedIn: failure?.step ?? null,
    wallMs: durations.wallMs,
  };
}

export type RunPlace = Readonly<{
  /** Absolute; empty except for `tmp`. */
  folder: string;
  /** File for the run's recording, outside the folder. */
  recording: string;
  /** Has five digits; nobody listened on it a moment ago. */
  port: number;
  remove: () => void;
}>;

export type RunPlaces = Readonly<{
  /** The run's user; null: the runner's own. */
  make: (owner: Readonly<{ uid: number; gid: number }> | null) => Promise<RunPlace>;
  /** Everything is removed. */
  close: () => void;
}>;

export function openPlaces(): RunPlaces {
  let base: string | null = null;
  let count = 0;
  return {
    make: async (owner) => {
      // Another user's runs must reach their folders, but see no others.
      base ??= makeTemporaryFolder(0o711);
      count += 1;
      const name = String(count).padStart(6, '0');
      const [folder, recording] = [join(base, name), join(base, `${name}.ndjson`)];
      const made = [folder, join(folder, 'tmp')];
      for (const path of made) makeFolder(path);
      // The inner one first: in a folder that they own, they can replace it with a link.
      if (owner !== null) for (const path of made.toReversed()) chownSync(path, owner.uid, owner.gid);
      const port = await freePort();
      const remove = (): void => {
        givePortsBack([port]);
        for (const path of [folder, recording]) removeFolder(path);
      };
      return { folder, recording, port, remove };
    },
    close: () => {
      if (base !== null) removeFolder(base);
    },
  };
}

/** A server that drops root must be able to reach it. */
function makeFolder(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
}
