/**
 * Many runs, one answer. An experiment says which runs to make next, given what is known, until nothing is left to
 * ask; the driver makes them, several at a time where there are several jobs. A result is kept (by `keep`), folded into
 * what is known, and let go: thousands of runs take no more memory than what the experiment itself wants to know of them.
 * The runner is handed in, so that experiments are tested without a kernel.
 */

import { asSetupError, SetupError } from '../errors.ts';
import type { RunSpec } from '../request/run-spec.ts';
import type { Result } from '../result/schema.ts';
import type { Guests } from '../vm/guests.ts';

export type Experiment<Run, History> = Readonly<{
  /** The runs to make next; asked again when all of them have ended. Null: it is done. */
  strategy: (history: History) => readonly Run[] | null;
  specOf: (run: Run, history: History) => RunSpec;
  /** What is known with one more result. May change the history it is given; nobody else keeps it. */
  fold: (history: History, run: Run, result: Result) => History;
}>;

/** Null: bound to no CPU by the job. */
export type Job = Readonly<{ cpus: readonly number[] | null }>;

export type RunOrder = Readonly<{
  signal: AbortSignal;
  kill: AbortSignal;
  cpus: readonly number[] | null;
  /** Where microVMs are kept between runs. */
  guests?: Guests;
}>;

/** Makes one run. @throws SetupError where it could not be made */
export type Runner = (spec: RunSpec, order: RunOrder) => Promise<Result>;

export type DriverOptions<Run, History> = Readonly<{
  /** As many runs at a time. */
  jobs: readonly Job[];
  runner: Runner;
  /** Before each run, outside its group. @throws SetupError when it fails, which ends the experiment */
  prepare: ((spec: RunSpec, signal: AbortSignal) => Promise<void>) | null;
  /** Each run as it ends, before it counts. What it throws ends the experiment. */
  keep: (run: Run, result: Result) => void;
  onStart: (run: Run, history: History) => void;
  onEnd: (run: Run, result: Result, history: History) => void;
  /** Aborted: runs in flight are ended and do not count, and no other is begun. */
  signal: AbortSignal;
  /** Aborted too: without their grace. */
  kill: AbortSignal;
}>;

export type Conclusion<History> = Readonly<{
  history: History;
  /** `failed`: for `error`. */
  ended: 'done' | 'stopped' | 'failed';
  error: SetupError | null;
}>;

/** How often a run is made again whose gate or microVM died: its result is void, and the next one is likely not to be. */
const MORE_ATTEMPTS = 2;

/** Makes the runs of an experiment that already knows `history`. Never rejects but for a bug. */
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
      // Ended by us, or by the signal of a terminal that reached the command first: that says nothing about the program.
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
        // What a run that is being ended still says is no news.
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
    // What is known does not lead on.
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

/** A signal of its own for each run: thousands that listen to one would stay with it. */
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
    `${who} died in ${MORE_ATTEMPTS + 1} attempts at the same run, so there is no result`,
    'try that limit alone with kmem-run run, or run kmem-run doctor to diagnose it',
  );
}
