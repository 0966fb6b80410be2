import test from 'ava';
import type { ScenarioAttempt } from '../../src/scenario/attempt.ts';
import { loadScenario } from '../../src/scenario/load.ts';
import type { ScenarioOutcome } from '../../src/scenario/report.ts';
import { runSuite, type SuiteOptions, suiteStatus } from '../../src/scenario/suite.ts';
import { AS_WRITTEN, type Scenario } from '../../src/scenario/types.ts';

function scenario(name: string, more = ''): Scenario {
  const { scenario: made } = loadScenario(`${name}.yaml`, `description: a\nsteps:\n  - run: 'true'\n${more}`);
  if (made === null) throw new Error(`${name} is no scenario`);
  return made;
}

type Tried = Readonly<{ outcomes: ScenarioOutcome[]; tries: string[]; most: number }>;

/** `results`: the result of each attempt, by name; the last one repeatedly. */
async function suite(
  scenarios: readonly Scenario[],
  results: Readonly<Record<string, readonly ScenarioAttempt['status'][]>>,
  changes: Partial<SuiteOptions> = {},
): Promise<Tried> {
  const tries: string[] = [];
  let [running, most] = [0, 0];
  const attempt = async ({ name }: Scenario): Promise<ScenarioAttempt> => {
    const own = results[name] ?? ['passed'];
    const status = own[Math.min(tries.filter((tried) => tried === name).length, own.length - 1)] ?? 'passed';
    tries.push(name);
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
    const reasons = status === 'passed' ? [] : [`attempt ${tries.length}`];
    return { status, reasons, result: null, output: '', durationMs: 1, folder: null };
  };
  const { signal } = new AbortController();
  const outcomes = await runSuite(scenarios, {
    ...{
      kernel: null,
      manner: AS_WRITTEN,
      repeat: null,
      retry: 0,
      strict: false,
      failFast: false,
      jobs: [null],
      keepDir: false,
      baselines: null,
    },
    ...{ signal, kill: signal, onStart: () => {}, onEnd: () => {}, attempt },
    ...changes,
  });
  return { outcomes, tries, most };
}

test('outcomes are in the order of the scenarios, and jobs run in parallel', async (t) => {
  const all = ['a', 'b', 'c', 'd'].map((name) => scenario(name));
  const { outcomes, most } = await suite(all, { b: ['failed'] }, { jobs: [[0], [1]] });
  t.deepEqual(
    outcomes.map(({ name, status }) => [name, status]),
    [
      ['a', 'passed'],
      ['b', 'failed'],
      ['c', 'passed'],
      ['d', 'passed'],
    ],
  );
  t.is(most, 2);
});

test('a scenario that passes on a retry is flaky and reports its first failure', async (t) => {
  const { outcomes, tries } = await suite(
    [scenario('a'), scenario('b')],
    { a: ['failed', 'passed'], b: ['failed'] },
    { retry: 2 },
  );
  t.deepEqual(tries, ['a', 'a', 'b', 'b', 'b']);
  t.like(outcomes[0], { status: 'passed', flaky: true, attempts: 2, reasons: ['attempt 1'] });
  t.like(outcomes[1], { status: 'failed', flaky: false, attempts: 3, reasons: ['attempt 5'] });
});

test('every repetition has to pass', async (t) => {
  const { outcomes, tries } = await suite([scenario('a', 'repeat: 5\n')], { a: ['passed', 'passed', 'failed'] });
  t.is(tries.length, 3);
  t.is(outcomes[0]?.status, 'failed');
  t.is((await suite([scenario('a', 'repeat: 5\n')], {}, { repeat: 2 })).tries.length, 2);
});

test('--fail-fast starts no scenario after the first failure', async (t) => {
  const { outcomes } = await suite([scenario('a'), scenario('b')], { a: ['failed'] }, { failFast: true });
  t.deepEqual(
    outcomes.map(({ name }) => name),
    ['a'],
  );
});

test('a missing need skips a scenario, or fails it under --strict', async (t) => {
  const lacking = scenario('a', 'needs: { commands: no-such-command, packages: no-such-package }\n');
  const skipped = await suite([lacking], {});
  t.deepEqual(skipped.tries, []);
  t.like(skipped.outcomes[0], { status: 'skipped', reasons: ['no no-such-command: apt-get install no-such-package'] });
  t.is(suiteStatus(skipped.outcomes), 0);
  const strict = await suite([lacking], {}, { strict: true });
  t.is(strict.outcomes[0]?.status, 'error');
  t.is(suiteStatus(strict.outcomes), 125);
  const future = await suite([scenario('a', 'needs: { linux: 99.1 }\n')], {});
  t.regex(future.outcomes[0]?.reasons[0] ?? '', /^it requires Linux 99\.1, and this is /);
});

test('a scenario is skipped on a kernel that it is not for', async (t) => {
  const { outcomes } = await suite([scenario('a')], {}, { kernel: '5.10' });
  t.like(outcomes[0], { status: 'skipped', kernel: '5.10', reasons: ['it is for host'] });
});

test('a failure gives status 1, even if others could not be run', async (t) => {
  const { outcomes } = await suite([scenario('a'), scenario('b')], { a: ['failed'], b: ['error'] });
  t.is(suiteStatus(outcomes), 1);
  t.is(suiteStatus(outcomes.slice(1)), 125);
  t.is(suiteStatus([]), 0);
});
