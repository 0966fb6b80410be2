/**
 * Many runs, one answer. An experiment decides which runs to make next, given what is known, until no question is left;
 * the driver performs them, several at a time if there are several jobs. Each result is saved (by `keep`), folded into
 * what is known and released: thousands of runs take no more memory than what the experiment itself wants to know about
 * them. The runner is passed in, so that experiments are tested without a kernel.
 */

import { asSetupError, SetupError } from '../errors.ts';
import type { RunSpec } from '../request/run-spec.ts';
import type { Result } from '../result/schema.ts';
import type { Guests } from '../vm/guests.ts';

export type Experiment<Run, History> = Readonly<{
  /** The next runs; called again when all of them have ended. Null: the experiment is done. */
  strategy: (history: History) => readonly Run[] | null;
  specOf: (run: Run, history: History) => RunSpec;
  /** Adds one result to what is known. May change the history it is given; nobody else holds it. */
  fold: (history: History, run: Run, result: Result) => History;
}>;

/** Null: the job binds runs to no CPU. */
export type Job = Readonly<{ cpus: readonly number[] | null }>;

export type RunOrder = Readonly<{
  signal: AbortSignal;
  kill: AbortSignal;
  cpus: readonly number[] | null;
  /** Where microVMs are kept between runs. */
  guests?: Guests;
}>;

/** Performs one run. @throws SetupError where it could not be made */
export type Runner = (spec: RunSpec, order: RunOrder) => Promise<Result>;

export type DriverOptions<Run, History> = Readonly<{
  /** One run at a time each. */
  jobs: readonly Job[];
  runner: Runner;
  /** Called before each run, outside its group. @throws SetupError when it fails, which ends the experiment */
  prepare: ((spec: RunSpec, signal: AbortSignal) => Promise<void>) | null;
  /** Called for each run that ends, before it counts. An exception ends the experiment. */
  keep: (run: Run, result: Result) => void;
  onStart: (run: Run, history: History) => void;
  onEnd: (run: Run, result: Result, history: History) => void;
  /** When aborted, runs in flight are stopped and do not count, and none is started. */
  signal: AbortSignal;
  /** Aborted too: they get no grace. */
  kill: AbortSignal;
}>;

export type Conclusion<History> = Readonly<{
  history: History;
  /** `failed`: for `error`. */
  ended: 'done' | 'stopped' | 'failed';
  error: SetupError | null;
}>;

/** How often to retry a run whose gate or microVM died: its result is void, and the next one is probably valid. */
const MORE_ATTEMPTS = 2;

/** Performs the runs of an experiment that already knows `history`. Rejects only on a bug. */
export async function perform<Run, History>(
  experiment: Experiment<Run, History>,
  known: History,
  options: DriverOptions<Run, History>,
): Promise<Conclusion<History>> {
  const { jobs, runner, prepare, keep, onStart, onEnd, signal, kill } = options;
  let history = known;
  let error: SetupError | null = null;
  let isStopped = false;
  const flights = watchFlights(signal, kill);
  const isOver = (): boolean => error !== null || isStopped || signal.aborted;

  const attempt = async (run: Run, job: Job): Promise<Result | null> => {
    const flight = flights.begin();
    try {
      const spec = experiment.specOf(run, history);
      if (prepare !== null) await prepare(spec, flight.signal);
      if (isOver()) return null;
      onStart(run, history);
      const result = await runner(spec, { signal: flight.signal, kill: flight.kill, cpus: job.cpus });
      // Stopped by us, or by a terminal's signal that reached the command first: this says nothing about the program.
      if (isOver()) return null;
      if (result.outcome !== 'interrupted') return result;
      isStopped = true;
      return null;
    } finally {
      flights.end(flight);
    }
  };

  const make = async (run: Run, job: Job): Promise<void> => {
    for (let left = MORE_ATTEMPTS; ; left--) {
      const result = await attempt(run, job);
      if (result === null) return;
      if (result.outcome === 'setup-error') {
        if (left === 0) throw voidRuns(result);
        continue;
      }
      keep(run, result);
      history = experiment.fold(history, run, result);
      onEnd(run, result, history);
      return;
    }
  };

  const work = async (job: Job, runs: Iterator<Run>): Promise<void> => {
    while (!isOver()) {
      const next = runs.next();
      if (next.done) return;
      try {
        await make(next.value, job);
      } catch (cause) {
        // Errors of a run that is being stopped are ignored.
        if (!isOver()) error = asSetupError(cause);
        flights.abort(cause);
      }
    }
  };

  try {
    while (error === null) {
      const runs = experiment.strategy(history);
      // A signal after the last run changes nothing.
      if (runs === null) return { history, ended: 'done', error: null };
      if (isOver()) break;
      const queue = runs.values();
      await Promise.all(jobs.map((job) => work(job, queue)));
    }
  } catch (cause) {
    // What is known allows no next step.
    if (!(cause instanceof SetupError)) throw cause;
    error = cause;
  } finally {
    flights.close();
  }
  return { history, ended: error === null ? 'stopped' : 'failed', error };
}

type Flight = Readonly<{
  signal: AbortSignal;
  kill: AbortSignal;
  abort: (reason: unknown) => void;
  killNow: () => void;
}>;

/** Each run has its own signal: thousands of listeners would stay attached to a shared one. */
function watchFlights(signal: AbortSignal, kill: AbortSignal) {
  const inFlight = new Set<Flight>();
  const abort = (reason: unknown): void => {
    for (const flight of inFlight) flight.abort(reason);
  };
  const passOn = (): void => abort(signal.reason);
  const killNow = (): void => {
    for (const flight of inFlight) flight.killNow();
  };
  signal.addEventListener('abort', passOn);
  kill.addEventListener('abort', killNow);
  return {
    begin: (): Flight => {
      const [first, second] = [new AbortController(), new AbortController()];
      const flight: Flight = {
        signal: first.signal,
        kill: second.signal,
        abort: (reason) => first.abort(reason),
        killNow: () => second.abort(),
      };
      if (signal.aborted) flight.abort(signal.reason);
      if (kill.aborted) flight.killNow();
      inFlight.add(flight);
      return flight;
    },
    end: (flight: Flight): void => void inFlight.delete(flight),
    abort,
    close: (): void => {
      signal.removeEventListener('abort', passOn);
      kill.removeEventListener('abort', killNow);
    },
  };
}

function voidRuns({ terminationReason }: Result): SetupError {
  const who = terminationReason === 'vm-lost' ? 'the microVM' : 'the gate';
  return new SetupError(
    'void-runs',
    `no result: ${who} died in all ${MORE_ATTEMPTS + 1} attempts at the same run`,
    'try that limit alone with kmem-run run, or run kmem-run doctor to diagnose it',
  );
}
