/** The order of an exploration, over simulated runs. */

import test from 'ava';
import fc from 'fast-check';
import { type Conclusion, type DriverOptions, perform, type Runner } from '../../../src/experiment/driver.ts';
import {
  type ExploreHistory,
  type ExploreQuestion,
  type ExploreRun,
  type ObservedRun,
  planExplore,
} from '../../../src/experiment/explore/explore.ts';
import type { Observation } from '../../../src/experiment/explore/observation.ts';
import { judge } from '../../../src/experiment/explore/trials.ts';
import type { RecordedCall } from '../../../src/gate/recording.ts';
import type { RunSpec } from '../../../src/request/run-spec.ts';
import type { Injection, Result } from '../../../src/result/schema.ts';
import { resultOf, unwatched } from '../programs.ts';

/** What a program does when one of its calls fails; `once`: for a call that recurs. */
type Reaction = 'exit' | 'crash' | 'hang' | 'silent' | 'flicker' | 'elsewhere' | 'harmless';

const calm: Observation = {
  outcome: 'passed',
  exits: [{ code: 0, signal: null }],
  stdout: 'done\n',
  stderr: '',
  files: new Map(),
  crashes: [],
  leftover: [],
  errors: [],
  servers: [],
  broken: [],
  failedIn: null,
  wallMs: 100,
};

const observe: Readonly<Record<Reaction, Partial<Observation>>> = {
  exit: { outcome: 'failed', exits: [{ code: 1, signal: null }], stderr: 'out of memory\n' },
  crash: { outcome: 'signaled', exits: [{ code: null, signal: 'SIGSEGV' }] },
  hang: { outcome: 'timeout', exits: [{ code: null, signal: 'SIGTERM' }] },
  silent: { stdout: '' },
  flicker: { stdout: '' },
  elsewhere: {},
  harmless: {},
};

/** A program with one call for each reaction, each on its own object, and its runner. */
function makeProgram(reactions: readonly Reaction[], undisturbed: Partial<Observation> = {}) {
  const made: RunSpec[] = [];
  const tries = new Map<string, number>();
  const observations = new Map<Result, ObservedRun>();
  const calls = reactions.map(
    (_, index): RecordedCall => ({
      address: `0/${index + 1}:openat`,
      process: '0',
      index: index + 1,
      syscall: 'openat',
      pid: 1,
      tid: 1,
      comm: 'program',
      exe: '/bin/program',
      detail: `/etc/${'x'.repeat(index + 1)}`,
      answer: 'continue',
      atMs: index,
    }),
  );
  const runner: Runner = async (spec) => {
    made.push(spec);
    const [address] = spec.inject;
    const result = resultOf(spec, true);
    if (address === undefined) {
      const outcome = undisturbed.outcome ?? 'passed';
      const recorded = { ...result, outcome };
      const recording = { calls, names: { folder: '/r', ports: [20_000], startedAtMs: 0 } };
      observations.set(recorded, { observation: { ...calm, ...undisturbed }, recording });
      return recorded;
    }
    const time = (tries.get(address) ?? 0) + 1;
    tries.set(address, time);
    const reaction = reactions[Number(/\d+(?=:)/.exec(address)?.[0]) - 1] ?? 'exit';
    const seen = reaction === 'flicker' && time > 1 ? {} : observe[reaction];
    const mode = address.endsWith('+') ? 'persistent' : 'once';
    const injection: Injection = {
      address,
      mode,
      outcome: reaction === 'elsewhere' ? 'not-reached' : 'injected',
      denials: reaction === 'harmless' || reaction === 'elsewhere' ? 0 : 1,
      seen: null,
    };
    const injected = { ...result, injections: [injection] };
    observations.set(injected, { observation: { ...calm, ...seen }, recording: null });
    return injected;
  };
  const observed = (result: Result): ObservedRun => observations.get(result) ?? { observation: calm, recording: null };
  return { runner, observed, made };
}

function question(changes: Partial<ExploreQuestion> = {}): ExploreQuestion {
  return {
    input: { command: ['program'] },
    scenario: null,
    jobs: 1,
    only: null,
    within: null,
    all: false,
    limit: null,
    warmup: 1,
    prepare: null,
    ...changes,
  };
}

async function explore(
  reactions: readonly Reaction[],
  asked: Partial<ExploreQuestion> = {},
  changes: Partial<DriverOptions<ExploreRun, ExploreHistory>> & { undisturbed?: Partial<Observation> } = {},
) {
  const { undisturbed, ...options } = changes;
  const program = makeProgram(reactions, undisturbed);
  const plan = planExplore(question(asked), (key) => key, program.observed);
  const conclusion: Conclusion<ExploreHistory> = await perform(plan, plan.empty, {
    jobs: [{ cpus: [0] }, { cpus: [1] }],
    runner: program.runner,
    ...unwatched,
    ...options,
  });
  const judged = [...conclusion.history.trials.values()].map((trial) => {
    const judgement = judge(trial);
    return `${trial.call.address} ${trial.mode}: ${judgement.kind === 'absent' ? judgement.outcome : `${judgement.kind} ${judgement.verdict.class}`}`;
  });
  return { ...conclusion, ...program, plan, judged };
}

test('runs a warm-up, two recordings, each call once and persistently, and findings again', async (t) => {
  const { made, judged, ended, plan, history } = await explore(['exit', 'crash', 'hang', 'silent']);
  t.is(ended, 'done');
  const injected = made.map(({ inject }) => inject[0] ?? '-');
  t.deepEqual(injected.slice(0, 3), ['-', '-', '-']);
  t.deepEqual(injected.slice(3, 11).toSorted(), [
    ...['0/1:openat', '0/1:openat+', '0/2:openat', '0/2:openat+'],
    ...['0/3:openat', '0/3:openat+', '0/4:openat', '0/4:openat+'],
  ]);
  t.deepEqual(new Set(injected.slice(11)), new Set(injected.slice(3).filter((address) => !address.startsWith('0/1'))));
  t.is(made.length, 3 + 8 + 6);
  t.deepEqual(judged.toSorted(), [
    '0/1:openat once: handled handled',
    '0/1:openat persistent: handled handled',
    '0/2:openat once: finding crash',
    '0/2:openat persistent: finding crash',
    '0/3:openat once: finding hang',
    '0/3:openat persistent: finding hang',
    '0/4:openat once: finding silent',
    '0/4:openat persistent: finding silent',
  ]);
  t.deepEqual(plan.count(history), { done: 16, total: 16 });
  t.true(made.every(({ enforce, limits }) => enforce === 'gate' && limits.kmem === null));
});

test('a single bad run is no finding; calls not reached or unable to fail are not counted', async (t) => {
  const { judged, made } = await explore(['flicker', 'elsewhere', 'harmless'], { warmup: 0 });
  t.deepEqual(judged.filter((line) => line.includes('once')).toSorted(), [
    '0/1:openat once: unsteady silent',
    '0/2:openat once: not-reached',
    '0/3:openat once: harmless',
  ]);
  t.is(made.length, 2 + 2 * (2 + 2 + 1));
  // A second look leaves time for what is about to exit.
  const holds = made.filter(({ inject }) => inject[0] === '0/1:openat').map(({ holdMs }) => holdMs);
  t.deepEqual(holds, [0, 500]);
});

test('without --timeout the timeout is twenty times the recordings, at least five seconds', async (t) => {
  const timeouts = async (asked: Partial<ExploreQuestion>, wallMs: number) => {
    const { made } = await explore(['exit'], asked, { undisturbed: { wallMs } });
    return [...new Set(made.map(({ timeoutMs }) => timeoutMs))];
  };
  t.deepEqual(await timeouts({}, 100), [null, 5000]);
  t.deepEqual(await timeouts({}, 1001), [null, 21_000]);
  t.deepEqual(await timeouts({ input: { command: ['program'], timeout: '3s' } }, 1001), [3000]);
});

test('a command that fails anyway, or has no matching calls, is rejected before any injection', async (t) => {
  const bad = await explore(['exit'], {}, { undisturbed: { outcome: 'failed', stderr: 'oh\nno\n\n' } });
  t.is(bad.error?.code, 'undisturbed-fails');
  t.regex(bad.error?.message ?? '', /failed, "no"$/);
  const empty = await explore([]);
  t.is(empty.error?.code, 'no-calls');
  const none = await explore(['exit'], { within: ['apache2'] });
  t.is(none.error?.code, 'no-calls');
  t.regex(none.error?.hint ?? '', /programs: program; calls: openat/);
  for (const { made } of [bad, empty, none]) t.true(made.every(({ inject }) => inject.length === 0));
});

test('all planned runs are made, whatever the program does, on any number of jobs', async (t) => {
  const reaction = fc.constantFrom<Reaction>('exit', 'crash', 'hang', 'silent', 'flicker', 'elsewhere', 'harmless');
  const property = fc.asyncProperty(
    fc.array(reaction, { minLength: 1, maxLength: 25 }),
    fc.integer({ min: 1, max: 4 }),
    fc.option(fc.integer({ min: 1, max: 10 })),
    async (reactions, jobs, limit) => {
      const { history, ended, made } = await explore(
        reactions,
        { limit },
        { jobs: Array.from({ length: jobs }, () => ({ cpus: null })) },
      );
      t.is(ended, 'done');
      const chosen = Math.min(reactions.length, limit ?? Number.POSITIVE_INFINITY);
      t.is(history.trials.size, 2 * chosen);
      const attempts = reactions.slice(0, chosen).map((one) => (one === 'exit' || one === 'harmless' ? 1 : 2));
      t.is(made.length, 3 + 2 * attempts.reduce((sum, count) => sum + count, 0));
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test('a stop keeps the calls tried so far', async (t) => {
  const controller = new AbortController();
  let ends = 0;
  const { ended, history, plan } = await explore(
    Array(20).fill('crash'),
    {},
    {
      signal: controller.signal,
      onEnd: () => {
        ends += 1;
        if (ends === 10) controller.abort();
      },
    },
  );
  t.is(ended, 'stopped');
  t.true(history.trials.size >= 6 && history.trials.size < 20);
  const { done, total } = plan.count(history);
  t.true(done < total);
});
