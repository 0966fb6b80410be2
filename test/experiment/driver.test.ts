import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { SetupError } from '../../src/errors.ts';
import {
  type Conclusion,
  type DriverOptions,
  type Experiment,
  perform,
  type RunOrder,
} from '../../src/experiment/driver.ts';
import { normaliseSpec } from '../../src/request/normalise.ts';
import type { RunSpec } from '../../src/request/run-spec.ts';
import { result } from '../fixtures/results.ts';
import { resultOf, unwatched } from './programs.ts';

const spec = normaliseSpec({ command: ['true'] });

/** Runs are numbers; the known state is the list of those accepted. */
type Known = readonly number[];

function inBatches(...batches: number[][]): Experiment<number, Known> {
  return {
    strategy: (known) => {
      const left = batches
        .map((batch) => batch.filter((run) => !known.includes(run)))
        .find((batch) => batch.length > 0);
      return left ?? null;
    },
    specOf: (run) => ({ ...spec, command: ['true', String(run)] }),
    fold: (known, run) => [...known, run],
  };
}

function numberOf({ command }: RunSpec): number {
  return Number(command[1]);
}

function options(changes: Partial<DriverOptions<number, Known>> = {}): DriverOptions<number, Known> {
  return {
    jobs: [{ cpus: [0] }],
    runner: async (of) => resultOf(of, true),
    ...unwatched,
    ...changes,
  };
}

function boom(): SetupError {
  return new SetupError('boom', 'it broke', 'mend it');
}

test('every run is made once and saved before it counts, batch by batch', async (t) => {
  const log: string[] = [];
  const { history, ended, error } = await perform(
    inBatches([1, 2, 3], [4], [5, 6]),
    [],
    options({
      keep: (run) => void log.push(`keep ${run}`),
      onStart: (run, known) => void log.push(`start ${run} knowing ${known.length}`),
      onEnd: (run, { outcome }, known) => void log.push(`end ${run} ${outcome} knowing ${known.length}`),
    }),
  );
  t.deepEqual({ history, ended, error }, { history: [1, 2, 3, 4, 5, 6], ended: 'done', error: null });
  t.deepEqual(log.slice(0, 4), ['start 1 knowing 0', 'keep 1', 'end 1 passed knowing 1', 'start 2 knowing 1']);
  t.is(log.length, 18);
});

test('runs with a known result are not repeated', async (t) => {
  const kept: number[] = [];
  await perform(inBatches([1, 2, 3], [4]), [2, 3], options({ keep: (run) => void kept.push(run) }));
  t.deepEqual(kept, [1, 4]);
});

test('each job runs on its own CPU, as many at a time as there are jobs; batches run in order', async (t) => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 5 }),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }),
    async (count, delays) => {
      const busy = new Set<number>();
      let most = 0;
      const runner = async (of: RunSpec, { cpus }: RunOrder) => {
        const cpu = cpus?.[0] ?? -1;
        t.false(busy.has(cpu));
        busy.add(cpu);
        most = Math.max(most, busy.size);
        for (let left = delays[numberOf(of)] ?? 3; left > 0; left--) await turn();
        busy.delete(cpu);
        return resultOf(of, true);
      };
      const first = delays.map((_, index) => index);
      const jobs = Array.from({ length: count }, (_, cpu) => ({ cpus: [cpu] }));
      const { history } = await perform(inBatches(first, [100, 101]), [], options({ jobs, runner }));
      t.deepEqual(
        history.toSorted((a, b) => a - b),
        [...first, 100, 101],
      );
      t.deepEqual(new Set(history.slice(-2)), new Set([100, 101]));
      t.is(most, Math.min(count, Math.max(first.length, 2)));
    },
  );
  await fc.assert(property, { numRuns: 50 });
});

test('on abort, runs in flight get the reason and do not count, and no other starts', async (t) => {
  const controller = new AbortController();
  const kill = new AbortController();
  const told: unknown[] = [];
  const kept: number[] = [];
  const runner = async (of: RunSpec, order: RunOrder) => {
    if (numberOf(of) < 3) return resultOf(of, true);
    await turn();
    if (numberOf(of) === 3) controller.abort('SIGINT');
    while (!order.signal.aborted) await turn();
    kill.abort();
    told.push([order.signal.aborted, order.signal.reason, order.kill.aborted]);
    // It passed anyway, or died of the terminal's own signal: unknown.
    return resultOf(of, true);
  };
  const conclusion = await perform(
    inBatches([1, 2, 3, 4, 5, 6]),
    [],
    options({
      jobs: [{ cpus: [0] }, { cpus: [1] }],
      runner,
      keep: (run) => void kept.push(run),
      signal: controller.signal,
      kill: kill.signal,
    }),
  );
  t.deepEqual(conclusion, { history: [1, 2], ended: 'stopped', error: null });
  t.deepEqual(kept, [1, 2]);
  t.deepEqual(told, [
    [true, 'SIGINT', true],
    [true, 'SIGINT', true],
  ]);
});

test('an abort after the last run changes nothing', async (t) => {
  const controller = new AbortController();
  const onEnd = (run: number): void => {
    if (run === 2) controller.abort();
  };
  const conclusion = await perform(inBatches([1], [2]), [], options({ onEnd, signal: controller.signal }));
  t.like(conclusion, { history: [1, 2], ended: 'done', error: null });
});

test('if aborted before the start, nothing runs', async (t) => {
  const runner = async () => t.fail() as never;
  const conclusion = await perform(inBatches([1]), [], options({ runner, signal: AbortSignal.abort() }));
  t.deepEqual(conclusion, { history: [], ended: 'stopped', error: null });
});

test('no listener is left on the caller’s signals', async (t) => {
  const [controller, kill] = [new AbortController(), new AbortController()];
  let most = 0;
  const runner = async (of: RunSpec, order: RunOrder) => {
    order.signal.addEventListener('abort', () => {});
    most = Math.max(most, getEventListeners(controller.signal, 'abort').length);
    return resultOf(of, true);
  };
  const runs = Array.from({ length: 100 }, (_, index) => index);
  await perform(inBatches(runs), [], options({ runner, signal: controller.signal, kill: kill.signal }));
  t.is(most, 1);
  for (const { signal } of [controller, kill]) t.is(getEventListeners(signal, 'abort').length, 0);
});

const failing: [string, Partial<DriverOptions<number, Known>>, Known][] = [
  [
    'a run that cannot be made',
    { runner: async (of) => (numberOf(of) === 3 ? Promise.reject(boom()) : resultOf(of, true)) },
    [1, 2],
  ],
  [
    'a run that cannot be kept',
    {
      keep: (run) => {
        if (run === 3) throw boom();
      },
    },
    [1, 2],
  ],
  [
    'a preparation that fails',
    { prepare: async ({ command }) => (command[1] === '3' ? Promise.reject(boom()) : undefined) },
    [1, 2],
  ],
];
for (const [what, changes, known] of failing) {
  test(`${what} ends it with the results so far`, async (t) => {
    const conclusion: Conclusion<Known> = await perform(inBatches([1, 2, 3, 4, 5]), [], options(changes));
    t.deepEqual(conclusion.history, known);
    t.is(conclusion.ended, 'failed');
    t.is(conclusion.error?.code, 'boom');
  });
}

test('one run that cannot be made ends the others, whose own errors are ignored', async (t) => {
  let aborted = false;
  const runner = async (of: RunSpec, { signal }: RunOrder) => {
    if (numberOf(of) === 1) {
      await turn();
      throw boom();
    }
    while (!signal.aborted) await turn();
    aborted = true;
    throw new SetupError('other', 'ended', 'never mind');
  };
  const { error, history } = await perform(
    inBatches([1, 2, 3]),
    [],
    options({ jobs: [{ cpus: null }, { cpus: null }], runner }),
  );
  t.true(aborted);
  t.is(error?.code, 'boom');
  t.deepEqual(history, []);
});

test('an error in the strategy ends it', async (t) => {
  const experiment = {
    ...inBatches([1]),
    strategy: (known: Known) => {
      if (known.length > 0) throw boom();
      return [1];
    },
  };
  const { error, history, ended } = await perform(experiment, [], options());
  t.deepEqual([error?.code, history, ended], ['boom', [1], 'failed']);
});

test('preparation comes before every run', async (t) => {
  const log: string[] = [];
  await perform(
    inBatches([1, 2]),
    [],
    options({
      prepare: async ({ command }) => void log.push(`prepare ${command[1]}`),
      runner: async (of) => {
        log.push(`run ${numberOf(of)}`);
        return resultOf(of, true);
      },
    }),
  );
  t.deepEqual(log, ['prepare 1', 'run 1', 'prepare 2', 'run 2']);
});

const dead = result({ outcome: 'setup-error', terminationReason: 'gate-lost' });

test('a run whose gate died is repeated, and not saved', async (t) => {
  const kept: string[] = [];
  let left = 2;
  const runner = async (of: RunSpec) => {
    left -= 1;
    return left >= 0 ? dead : resultOf(of, true);
  };
  const { history, ended } = await perform(
    inBatches([1]),
    [],
    options({ runner, keep: (_, { outcome }) => void kept.push(outcome) }),
  );
  t.deepEqual([history, ended, kept], [[1], 'done', ['passed']]);
});

test('a gate that always dies is an error, not an endless loop', async (t) => {
  let runs = 0;
  const runner = async () => {
    runs += 1;
    return dead;
  };
  const { error, history } = await perform(inBatches([1, 2]), [], options({ runner }));
  t.is(error?.code, 'void-runs');
  t.deepEqual(history, []);
  t.is(runs, 3);
});

test('a run interrupted from outside stops the rest', async (t) => {
  const runner = async (of: RunSpec) => (numberOf(of) === 2 ? result({ outcome: 'interrupted' }) : resultOf(of, true));
  t.deepEqual(await perform(inBatches([1, 2, 3]), [], options({ runner })), {
    history: [1],
    ended: 'stopped',
    error: null,
  });
});
