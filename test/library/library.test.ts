/** The built package, as its importers use it. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import anyTest from 'ava';
import type { BisectReport, ExploreReport, Result, ScenariosReport, SweepReport } from '../../src/index.ts';
import { validateResult } from '../validate-result.ts';
import { makeUser } from './user.ts';

const test = anyTest.serial;

test('run: always returns a result, prints nothing and leaves nothing', async (t) => {
  const { ask } = makeUser(t);
  const answer: Result = await ask(`return run({ command: ['sh', '-c', 'echo to nobody; exit 3'], output: 'null' })`);
  const { outcome, exit, kmem } = validateResult(answer);
  t.deepEqual({ outcome, exit }, { outcome: 'failed', exit: { code: 3, signal: null } });
  t.true((kmem.maxUsage ?? 0) > 0);
});

test('run: iteration yields failures and samples live, and the same failures as the result', async (t) => {
  const { ask } = makeUser(t);
  const { events, result } = await ask(`
    const running = run({ command: ['sh', '-c', 'sleep 0.3; true; true'], kmem: '120K', sample: '20ms', output: 'null' });
    const events = [];
    for await (const event of running) events.push(event);
    return { events, result: await running };
  `);
  const ofType = (type: string) => events.filter((event: { type: string }) => event.type === type);
  t.true(result.failures.length > 0);
  t.deepEqual(
    ofType('failure').map(({ failure }: { failure: unknown }) => failure),
    result.failures,
  );
  t.true(ofType('sample').length > 0);
  t.is(ofType('sample').length + ofType('failure').length, events.length);
});

test('run: hands over the output and can run without stdin', async (t) => {
  const { ask } = makeUser(t);
  const answer = await ask(`
    let output = null;
    const onOutput = (both) => { output = both };
    await run({ command: ['sh', '-c', 'cat; echo out; echo err >&2'], output: 'null' }, { onOutput, stdin: 'null' });
    return output;
  `);
  t.deepEqual(answer, { stdout: 'out\n', stderr: 'err\n' });
});

test('sweep: accepts ranges and lists, and reports each run with its result', async (t) => {
  const { ask } = makeUser(t);
  const { report, events }: { report: SweepReport; events: { type: string; name: string; at: number | null }[] } =
    await ask(`
    const sweeping = sweep({ command: ['true'], kmem: [65536, '1M'], pids: '4..8*2', repeat: 2, seed: 7 });
    const events = [];
    for await (const { type, name, result } of sweeping) events.push({ type, name, at: result?.spec.limits.kmem ?? null });
    return { report: await sweeping, events };
  `);
  t.deepEqual(
    report.points.map(({ settings, runs, passed }) => ({ ...settings, runs, passed })),
    [
      { kmem: 65536, pids: 4, runs: 2, passed: 0 },
      { kmem: 65536, pids: 8, runs: 2, passed: 0 },
      { kmem: 1048576, pids: 4, runs: 2, passed: 2 },
      { kmem: 1048576, pids: 8, runs: 2, passed: 2 },
    ],
  );
  t.like(report, { kind: 'sweep', status: 'done', seed: 7, runs: { planned: 8, made: 8 } });
  const runs = events.filter(({ type }) => type === 'run');
  t.is(runs.length, 9, 'the warm-up too');
  t.is(runs[0]?.name, 'warm-up');
  t.is(runs.filter(({ name, at }) => name.startsWith('kmem 64 KiB') && at === 65536).length, 4);
});

test('bisect: finds a limit to the page', async (t) => {
  const { ask } = makeUser(t);
  const { answer, trials }: BisectReport = await ask(`return bisect({ command: ['true'], confirm: 1 })`);
  if (answer.kind !== 'found') return t.fail(answer.kind);
  t.true(answer.passesAt > answer.failsAt);
  t.true(trials.some(({ limit, passed }) => limit === answer.failsAt && !passed));
  t.true(trials.some(({ limit, passed }) => limit === answer.passesAt && passed));
});

test('explore: each finding has a line to reproduce it', async (t) => {
  const { ask, folder } = makeUser(t);
  const report: ExploreReport = await ask(`
    return explore({ command: ['sh', '-c', 'echo x > /dev/null; exit 0'], only: ['openat'], in: ['sh', 'dash'], limit: 4, jobs: 2, cwd: ${JSON.stringify(folder)} });
  `);
  t.like(report, { kind: 'explore', status: 'done' });
  t.true(report.counts.handled + report.findings.length > 0);
  t.true(report.findings.every(({ replay }) => replay.includes('kmem-run --fail')));
});

/** A user's files; returns their folder as code. */
function scenarios(path: (name: string) => string, files: Readonly<Record<string, string>>): string {
  mkdirSync(path('scenarios'));
  for (const [name, text] of Object.entries(files)) writeFileSync(path(`scenarios/${name}.yaml`), text);
  return JSON.stringify(path('scenarios'));
}

const PASSING = "description: it passes\ntags: [good]\nsteps:\n  - run: 'true'\n";
const FAILING = 'description: it fails\nsteps:\n  - { name: it, run: echo why; exit 3 }\n';

test('bisect, sweep and explore run a scenario with its limit, expectations and given settings', async (t) => {
  const { ask, path } = makeUser(t);
  const text =
    'description: a page\nlimits: { kmem: 2M }\nsteps:\n  - run: test -d ${dir}\nexpect: [failcnt==0, stdout==""]\n';
  scenarios(path, { page: text });
  const file = JSON.stringify(path('scenarios/page.yaml'));
  const { found, swept, explored } = await ask(`
    const scenario = ${file};
    const found = await bisect({ scenario, confirm: 1, lo: '1M', jobs: 2 });
    const swept = await sweep({ scenario, kmem: ['64K', '4M'], timeout: '9s' });
    const explored = await explore({ scenario, only: ['openat'], limit: 1, expect: ['exit==0'] });
    return { found, swept, explored };
  `);
  t.deepEqual(
    [found.command, found.expect],
    [
      ['scenario', 'page'],
      ['failcnt==0', 'stdout==""'],
    ],
  );
  t.like(found, { answer: { kind: 'always', passesAt: 2 ** 20 }, unlimited: null });
  t.deepEqual(
    swept.points.map(({ passed }: { passed: number }) => passed),
    [0, 1],
  );
  t.is(swept.timeoutMs, 9000);
  t.deepEqual([explored.command, explored.expect, explored.status], [['scenario', 'page'], ['exit==0'], 'done']);
  // No run is saved that a command line could repeat.
  t.true(explored.tried.length > 0 && explored.tried.every(({ replay }: { replay: string }) => replay === ''));
});

test('a scenario cannot be combined with steps, and must exist', async (t) => {
  const { ask } = makeUser(t);
  const codes = await ask(`
    const codeOf = async (asked) => { try { await asked } catch (error) { return [error.code, error.message] } };
    return Promise.all([
      codeOf(bisect({ scenario: 'fork-loop', command: ['true'] })),
      codeOf(sweep({ scenario: 'fork-loop', ready: 'tcp:1' })),
      codeOf(explore({ scenario: 'no-such' })),
      codeOf(sweep({ scenario: 3 })),
      codeOf(sweep({ scenario: 'fork-loop', kernel: 'none' })),
    ]);
  `);
  t.deepEqual(
    codes.map(([code]: [string]) => code),
    ['conflicting-options', 'conflicting-options', 'no-scenario', 'bad-option', 'scenario-kernel'],
  );
  t.is(codes[0][1], 'command cannot be combined with scenario, which has its own steps');
});

test('scenario: reports each outcome with its results, and events while they run', async (t) => {
  const { ask, path } = makeUser(t);
  const folder = scenarios(path, { a: PASSING, b: FAILING, wrong: 'stpes: []\n' });
  const { report, events }: { report: ScenariosReport; events: { type: string; name: string; done: number }[] } =
    await ask(`
    const going = scenario({ scenarios: ${folder}, repeat: 2 });
    const events = [];
    for await (const { type, name, done } of going) events.push({ type, name, done });
    return { report: await going, events };
  `);
  t.like(report, { kind: 'scenarios', status: 'done' });
  t.deepEqual(
    report.scenarios.map(({ name, status, attempts }) => [name, status, attempts]),
    [
      ['wrong', 'error', 0],
      ['a', 'passed', 2],
      ['b', 'failed', 1],
    ],
  );
  t.is(validateResult(report.scenarios[1]?.results[0]).outcome, 'passed');
  t.regex(report.scenarios[0]?.reasons[0] ?? '', /wrong\.yaml:1:1: /);
  t.is(report.scenarios[2]?.output, 'why\n');
  t.deepEqual(
    events.map(({ type, name, done }) => `${type} ${name} ${done}`),
    ['end wrong 1', 'start a 1', 'run a 1', 'run a 1', 'end a 2', 'start b 2', 'run b 2', 'end b 3'],
  );
});

test('scenario: runs only ./scenarios by default; the library by name or option', async (t) => {
  const { ask, path } = makeUser(t);
  scenarios(path, { a: PASSING });
  const names = await ask(`
    const namesOf = async (input) => (await scenario(input)).scenarios.map(({ name }) => name);
    return [await namesOf({}), await namesOf({ scenarios: ['a', 'timers'] }), await namesOf({ library: true, filters: ['timer'] })];
  `);
  t.deepEqual(names, [['a'], ['a', 'timers'], ['timers']]);
});

test('scenario: compares with a baseline, and writes it only on request', async (t) => {
  const { ask, path } = makeUser(t);
  const folder = scenarios(path, { a: PASSING });
  const states = await ask(`
    const stateOf = async (more) => (await scenario({ scenarios: ${folder}, ...more })).scenarios[0].baseline?.state ?? null;
    return [await stateOf({}), await stateOf({ updateBaseline: true }), await stateOf({})];
  `);
  t.deepEqual(states, [null, 'new', 'compared']);
  t.true(existsSync(path('scenarios/baseline.yaml')));
});

test('scenario: a signal stops it with the results so far; concurrent ones are independent', async (t) => {
  const { ask, path } = makeUser(t);
  const folder = scenarios(path, { a: PASSING, b: 'description: b\nsteps:\n  - run: sleep 1000\n', c: PASSING });
  const { stopped, others } = await ask(`
    const controller = new AbortController();
    const going = scenario({ scenarios: ${folder} }, { signal: controller.signal });
    const others = Promise.all([1, 2].map((repeat) => scenario({ scenarios: [${folder}], filters: ['c'], repeat })));
    for await (const { type, name } of going) if (type === 'start' && name === 'b') controller.abort();
    return { stopped: await going, others: (await others).map(({ scenarios: [one] }) => [one.status, one.attempts]) };
  `);
  t.is(stopped.status, 'stopped');
  t.deepEqual(
    stopped.scenarios.map(({ name, status }: { name: string; status: string }) => [name, status]),
    [
      ['a', 'passed'],
      ['b', 'error'],
    ],
  );
  t.deepEqual(others, [
    ['passed', 1],
    ['passed', 2],
  ]);
});

test('a signal ends a run; the result says so, and nothing is left', async (t) => {
  const { ask } = makeUser(t);
  const answer: Result = await ask(`
    const controller = new AbortController();
    const running = run({ command: ['sh', '-c', 'sleep 1000 & sleep 1000'], sample: '20ms', output: 'null' }, { signal: controller.signal });
    for await (const { type, sample } of running) if (type === 'sample' && sample.processes > 0) controller.abort();
    return running;
  `);
  t.like(answer, { outcome: 'interrupted', terminationReason: 'interrupted' });
});

test('a signal ends a sweep, which resolves with the results so far', async (t) => {
  const { ask } = makeUser(t);
  const report: SweepReport = await ask(`
    const controller = new AbortController();
    const sweeping = sweep({ command: ['sleep', '0.05'], repeat: 1000, jobs: 2 }, { signal: controller.signal });
    for await (const { type, done } of sweeping) if (type === 'run' && done === 2) controller.abort();
    return sweeping;
  `);
  t.like(report, { status: 'stopped', error: null });
  t.true(report.runs.made >= 2 && report.runs.made < 10);
});

test('with an already aborted signal nothing runs', async (t) => {
  const { ask, has, path } = makeUser(t);
  const mark = JSON.stringify(path('mark'));
  const answer = await ask(`
    const signal = AbortSignal.abort();
    const { outcome } = await run({ command: ['touch', ${mark}] }, { signal });
    const { status, runs } = await sweep({ command: ['touch', ${mark}] }, { signal });
    return { outcome, status, made: runs.made };
  `);
  t.deepEqual(answer, { outcome: 'interrupted', status: 'stopped', made: 0 });
  t.false(has('mark'));
});

test('concurrent runs share a signal, have their own results and leave no listener', async (t) => {
  const { ask } = makeUser(t);
  const { codes, passed, listening } = await ask(`
    const { signal } = new AbortController();
    let listening = 0;
    const [add, remove] = [signal.addEventListener, signal.removeEventListener];
    signal.addEventListener = (...of) => { listening += 1; add.apply(signal, of) };
    signal.removeEventListener = (...of) => { listening -= 1; remove.apply(signal, of) };
    const runs = [1, 2, 3, 4].map((code) => run({ command: ['sh', '-c', \`sleep 0.2; exit \${code}\`] }, { signal }));
    const [sweeping, ...results] = await Promise.all([sweep({ command: ['true'], kmem: '1M', repeat: 3 }, { signal }), ...runs]);
    return { codes: results.map(({ exit }) => exit.code), passed: sweeping.points[0].passed, listening };
  `);
  t.deepEqual(codes, [1, 2, 3, 4]);
  t.is(passed, 3);
  t.is(listening, 0);
});

test('a failed setup rejects with a SetupError, which has the result if there is one', async (t) => {
  const { ask } = makeUser(t);
  const answer = await ask(`
    const told = async (begin) => {
      try {
        await begin();
      } catch (error) {
        return [error instanceof SetupError, error.code, error.result?.outcome ?? error.result?.status ?? null];
      }
    };
    return {
      program: await told(() => run({ command: ['/no/such/program'] })),
      input: await told(() => run({ command: [] })),
      iterated: await told(async () => { for await (const _ of run({ command: [] })); }),
      range: await told(() => sweep({ command: ['true'], kmem: '2M..1M:1M' })),
      misspelt: await told(() => sweep({ command: ['true'], repeet: 2 })),
      prepare: await told(() => sweep({ command: ['true'], prepare: 'exit 7' })),
      ends: await told(() => bisect({ command: ['true'], lo: '2M', hi: '1M' })),
      call: await told(() => explore({ command: ['true'], only: ['opennat'] })),
      fails: await told(() => explore({ command: ['false'], warmup: 0 })),
      nothing: await told(() => bisect()),
      scenario: await told(() => scenario('no-such-scenario')),
      key: await told(() => scenario({ scenarois: 'httpd' })),
      jobs: await told(() => scenario({ jobs: 0 })),
      words: await told(() => scenario({ scenarios: 3 })),
      baseline: await told(() => scenario({ baseline: 'mine.yaml' })),
    };
  `);
  t.deepEqual(answer, {
    program: [true, 'command-not-found', 'setup-error'],
    input: [true, 'no-command', null],
    iterated: [true, 'no-command', null],
    range: [true, 'bad-range', null],
    misspelt: [true, 'unknown-key', null],
    prepare: [true, 'prepare-failed', 'failed'],
    ends: [true, 'bad-range', null],
    call: [true, 'bad-option', null],
    fails: [true, 'undisturbed-fails', 'failed'],
    nothing: [true, 'no-command', null],
    scenario: [true, 'no-scenario', null],
    key: [true, 'unknown-key', null],
    jobs: [true, 'bad-option', null],
    words: [true, 'bad-option', null],
    baseline: [true, 'bad-baseline-name', null],
  });
});

test('leaving the loop does not stop the run; an unhandled rejection is not hidden', async (t) => {
  const { ask, begin } = makeUser(t);
  const code = await ask(`
    const running = run({ command: ['sh', '-c', 'sleep 0.3; exit 4'], sample: '20ms' });
    for await (const _ of running) break;
    return (await running).exit.code;
  `);
  t.is(code, 4);
  const { status, stderr } = await begin(`run({ command: [] }); await new Promise((end) => setTimeout(end, 1000));`)
    .ended;
  t.is(status, 1);
  t.regex(stderr, /no command to run/);
});

test('Ctrl-C ends a program as it would without kmem-run, and its runs with it', async (t) => {
  const { begin, has, whatIsLeft, path } = makeUser(t);
  const { pid, ended } = begin(`await run({ command: ['sh', '-c', 'touch ${path('on')}; sleep 1000'] })`);
  while (!has('on')) await new Promise((resolve) => setTimeout(resolve, 20));
  process.kill(pid, 'SIGINT');
  t.is((await ended).signal, 'SIGINT');
  // The helper outlives it and cleans up.
  for (let looks = 0; looks < 200 && whatIsLeft().length > 0; looks++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  t.deepEqual(whatIsLeft(), []);
});
