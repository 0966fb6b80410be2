import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import type { BisectReport } from '../../src/experiment/bisect/report.ts';
import { pageSize } from '../../src/host/page-size.ts';
import { groupDigits } from '../../src/request/size.ts';
import { openStore } from '../../src/store/store.ts';
import { until } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { assertRefused, makeHarness, type Start } from '../harness.ts';
import { pythonServer } from './page-server.ts';

/** kmem-run bisect with the test's own store and JSON file. */
function makeBisects(t: ExecutionContext) {
  const harness = makeHarness(t);
  const words = (args: readonly string[]) => [
    'bisect',
    '--store',
    harness.path('store.db'),
    '--json',
    harness.path('bisect.json'),
    ...args,
  ];
  const report = (): BisectReport => JSON.parse(harness.read('bisect.json'));
  return {
    ...harness,
    report,
    start: (args: readonly string[], start: Start = {}) => harness.start(words(args), { ...start, json: false }),
    run: (args: readonly string[], start: Start = {}) => harness.run(words(args), { ...start, json: false }),
    kept: () => {
      if (!harness.has('store.db')) return [];
      const store = openStore(harness.path('store.db'), 'read');
      try {
        return store.experiments({}).flatMap(({ id }) => [...store.runsOf(id)]);
      } finally {
        store.close();
      }
    },
  };
}

/** Needs a fork, which is what the limit denies. */
const FORKS = ['sh', '-c', 'true & wait $!'];

test.serial('a small command: the limit is the same within four pages three times in a row', async (t) => {
  const found: number[] = [];
  for (let round = 0; round < 3; round++) {
    const bisect = makeBisects(t);
    const { status, stdout, stderr } = await bisect.run(['--', ...FORKS]);
    t.is(status, 0, `${stdout}${stderr}`);
    const { answer, trials, unlimited, runs, justBelow, pageSize: page } = bisect.report();
    if (answer.kind !== 'found') return t.fail(answer.kind);
    const { passesAt, failsAt } = answer;
    found.push(passesAt);
    t.is(page, pageSize());
    t.is(passesAt % page, 0);
    const line = `kmem-run: sh -c 'true & wait $!' passes at ${groupDigits(passesAt)}, fails at ${groupDigits(failsAt)} (3/3 each)`;
    t.true(stdout.startsWith(line), stdout);
    t.regex(stdout, /just below {2}at [\d,]+: .* failed with exit status \d+ after the gate denied it/);
    t.regex(stdout, /\(ENOMEM\)/);
    t.like(unlimited, { runs: 1, passed: 1 });
    t.is(justBelow?.limit, failsAt);
    t.is(runs, 1 + trials.length);

    // In the trials, and in what is saved.
    for (const [limit, passed] of [
      [passesAt, true],
      [failsAt, false],
    ] as const) {
      const own = trials.filter((trial) => trial.limit === limit);
      t.true(own.length >= 3 && own.every((trial) => trial.passed === passed));
    }
    t.true(trials.filter(({ phase }) => phase === 'bracket' || phase === 'search').length <= 12);
    t.deepEqual(
      bisect.kept().map(({ point, result }) => [point, result.spec.limits.kmem]),
      [[0, null], ...trials.map(({ limit }) => [limit, limit])],
    );
    bisect.assertNothingLeft();
  }
  // The kernel's charge for a fork depends a little on the CPU and on what else runs beside the test.
  t.true(Math.max(...found) - Math.min(...found) <= 4 * pageSize(), found.join(' '));
});

test.serial('further steps and expectations count', async (t) => {
  const bisect = makeBisects(t);
  const then = await bisect.run(['--warmup', '0', '--confirm', '1', '--then', 'exit 3', '--', 'true']);
  t.is(then.status, 1);
  t.regex(then.stdout, /^kmem-run: true does not pass without a limit either\n/);
  t.regex(then.stdout, /\n {2}failed {6}without a limit: exit 3 failed with exit status 3 after /);
  t.deepEqual(bisect.report().answer, { kind: 'never', upTo: null });
  const expected = makeBisects(t);
  const ran = await expected.run([
    '--confirm',
    '1',
    '--then',
    'exit 3',
    '--expect',
    'steps[1].exit==3',
    '--',
    ...FORKS,
  ]);
  t.is(ran.status, 0, ran.stdout);
  t.is(expected.report().answer.kind, 'found');
});

test.serial('a command can pass at every limit tried', async (t) => {
  const bisect = makeBisects(t);
  const { status, stdout } = await bisect.run(['--lo', '4M', '--confirm', '1', '--', 'true']);
  t.is(status, 1);
  t.regex(stdout, /^kmem-run: true passes at 4,194,304 \(1\/1\), the smallest limit to try\n/);
});

test.serial('non-monotonic passing yields a counter-example, not a number', async (t) => {
  const bisect = makeBisects(t);
  const { status, stdout } = await bisect.run(['--', compileFixture('optional-workers')]);
  t.is(status, 1, stdout);
  const { answer, trials } = bisect.report();
  if (answer.kind !== 'not-monotonic') return t.fail(answer.kind);
  const { passes, fails } = answer;
  t.true(passes.limit < fails.limit);
  t.is(passes.passed, passes.runs);
  t.is(fails.passed, 0);
  t.true(passes.runs >= 3 && fails.runs >= 3);
  t.true(trials.some(({ limit, passed }) => passed && limit > fails.limit));
  t.regex(
    stdout,
    /has no smallest limit: it passes at [\d,]+ \((\d+)\/\1\), but fails at [\d,]+ \(0\/\d+\), a higher limit\n/,
  );
  t.regex(stdout, /failed {6}at [\d,]+: .*\n.*\n +optional-worker: 1 × (clone|fork) of process \(ENOMEM\)/);
  bisect.assertNothingLeft();
});

test.serial('--hi: neither a higher limit nor an unlimited run is tried', async (t) => {
  const bisect = makeBisects(t);
  const { status, stdout } = await bisect.run(['--hi', '64K', '--', 'true']);
  t.is(status, 1);
  t.regex(stdout, /^kmem-run: true fails at every limit tried, up to 65,536\n/);
  const limits = bisect.kept().map(({ result }) => result.spec.limits.kmem);
  t.is(limits.length, 2);
  t.true(limits.every((limit) => limit !== null && limit <= 65_536));
});

test.serial('SIGINT: partial results are reported, and --resume finds the rest', async (t) => {
  const bisect = makeBisects(t);
  const stuck =
    'true & wait $! || exit; n=$(ls run.* 2>/dev/null | wc -l); : > run.$$; [ "$n" -lt 3 ] || while [ ! -e go ]; do sleep 0.02; done';
  const running = bisect.start(['--warmup', '0', '--grace', '100ms', '--', 'sh', '-c', stuck]);
  await until(() => bisect.has('store.db') && bisect.whatIsLeft().some((what) => what.includes('(sleep)')));
  const before = bisect.kept();
  running.signal('SIGINT');
  const { status, stdout } = await running.ended;
  t.is(status, 130);
  t.regex(stdout, /is not fully bisected/);
  t.regex(stdout, /resume {6}kmem-run bisect --resume [0-9a-f]{12}\n/);
  t.like(bisect.report(), { status: 'stopped', answer: { kind: 'unfinished' } });
  t.is(bisect.kept().length, before.length);
  bisect.assertNothingLeft();

  const id = before[0]?.experimentId ?? '';
  const rest = await bisect.run(['--resume', id], { under: ['sh', '-c', 'touch go; exec "$@"', 'sh'] });
  t.is(rest.status, 0, rest.stdout);
  t.is(bisect.report().answer.kind, 'found');
  const places = bisect.kept().map(({ point, repeat }) => `${point} ${repeat}`);
  t.is(new Set(places).size, places.length);
  t.deepEqual(bisect.kept().slice(0, before.length), before);
  // Resuming a finished search gives the same answer without a run.
  const again = await bisect.run(['--resume', id]);
  t.is(again.status, 0);
  t.is(again.stdout.split('\n')[0], rest.stdout.split('\n')[0]);
  t.is(bisect.kept().length, places.length);
});

test.serial(
  'a server and its client, two at a time: the limit is found, and --resume keeps the job count',
  async (t) => {
    const bisect = makeBisects(t);
    const { options, command } = pythonServer();
    const words = ['--jobs', '2', '--confirm', '1', '--lo', '128K', '--timeout', '3s', '--grace', '100ms'];
    const { status, stdout, stderr } = await bisect.run([...words, '--wait', 'exit', ...options, ...command]);
    t.is(status, 0, stdout + stderr);
    const { answer, trials, then, command: shown } = bisect.report();
    if (answer.kind !== 'found') return t.fail(answer.kind);
    t.deepEqual(then, ['client: curl -sf http://127.0.0.1:${port}/']);
    t.is(shown.at(-1), '${port}');
    for (const [limit, passed] of [
      [answer.passesAt, true],
      [answer.failsAt, false],
    ] as const) {
      const own = trials.filter((trial) => trial.limit === limit);
      t.true(own.length >= 1 && own.every((trial) => trial.passed === passed));
    }
    // Each run had its own port, and runs took place in parallel.
    const results = bisect.kept().map(({ result }) => result);
    const cpus = new Set(results.map(({ spec }) => spec.cpus?.join()));
    t.is(cpus.size, 2);
    t.true(new Set(results.map(({ spec }) => spec.command.at(-1))).size > results.length / 2);
    // A saved experiment records how many run at a time: the course is the same, so nothing is left to do.
    const id = bisect.report().id;
    const again = await bisect.run(['--resume', id]);
    t.is(again.stdout.split('\n')[0], stdout.split('\n')[0]);
    t.is(bisect.kept().length, results.length);
    bisect.assertNothingLeft();
  },
);

test.serial(
  'an experiment saved by 0.1.0 resumes with its old rule: a run ends when its last step has exited',
  async (t) => {
    const bisect = makeBisects(t);
    await bisect.run(['--confirm', '1', '--lo', '1M', '--quiet-for', '20ms', '--', 'sh', '-c', 'sleep 1 &']);
    const { id, runs } = bisect.report();
    const database = new DatabaseSync(bisect.path('store.db'));
    const row = database.prepare('SELECT spec FROM experiment').get();
    const { question } = JSON.parse(String(row?.spec));
    const { scenario: _, jobs: __, ...then } = question;
    database.prepare('UPDATE experiment SET spec = ?').run(JSON.stringify({ version: 1, question: then }));
    database.exec('DELETE FROM run WHERE seq > 2');
    database.close();
    const resumed = await bisect.run(['--resume', id]);
    t.is(resumed.status, 1, resumed.stderr);
    t.is(bisect.report().runs, runs);
    const rules = bisect.kept().map(({ result }) => result.spec.wait);
    t.deepEqual([rules[0], new Set(rules.slice(2))], ['quiet', new Set(['exit'])]);
    t.true(rules.length > 2);
  },
);

test.serial('a missing command is reported with a reason and a hint', async (t) => {
  const bisect = makeBisects(t);
  const ran = await bisect.run(['--', '/nonexistent/program']);
  t.is(ran.status, 125);
  assertRefused(t, ran, /command not found/);
  t.like(bisect.report(), { status: 'failed', error: { code: 'command-not-found' } });
});

for (const [args, reason] of [
  [['--kmem', '1M', '--', 'true'], /--kmem cannot be combined with bisect, which searches for that limit/],
  [['--lo', '2M', '--hi', '1M', '--', 'true'], /--lo \(2,097,152 bytes\) is above --hi \(1,048,576 bytes\)/],
  [['--lo', '1', '--', 'true'], /--lo: "1" is below one page/],
  [['--hi', 'x', '--', 'true'], /--hi: "x" is not a size/],
  [['--jobs', '0', '--', 'true'], /--jobs: "0" is not a number from 1 to/],
  [['--confirm', '0', '--', 'true'], /--confirm: "0" is not a number from 1 to/],
  [['--enforce', 'none', '--', 'true'], /--enforce none sets no limit/],
  [['--repeat', '3', '--', 'true'], /unknown option "--repeat"/],
  [['--resume', 'abc', '--lo', '1M'], /--lo cannot be combined with --resume/],
] as const) {
  test.serial(`rejected before anything runs: ${args.join(' ')}`, async (t) => {
    const bisect = makeBisects(t);
    const ran = await bisect.run(args);
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
    t.deepEqual(bisect.kept(), []);
  });
}

test.serial('a sweep cannot be resumed as a bisection', async (t) => {
  const bisect = makeBisects(t);
  const store = ['--store', bisect.path('store.db')];
  await makeHarness(t).run(['sweep', ...store, '--warmup', '0', '--', 'true'], { json: false });
  const id = bisect.kept()[0]?.experimentId ?? '';
  const ran = await bisect.run(['--resume', id]);
  assertRefused(t, ran, new RegExp(`${id} is a sweep, not a bisect`));
  t.regex(ran.stderr, new RegExp(`hint: use kmem-run sweep --resume ${id}`));
});

test.serial('--help', async (t) => {
  const { run } = makeHarness(t);
  const { status, stdout } = await run(['bisect', '--help'], { json: false });
  t.is(status, 0);
  for (const word of ['--lo', '--hi', '--confirm', '--jobs', '--scenario', '--then', 'Exit status'])
    t.true(stdout.includes(word), word);
});
