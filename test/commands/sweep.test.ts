import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { SweepReport } from '../../src/experiment/sweep/report.ts';
import { openStore } from '../../src/store/store.ts';
import { until } from '../cgroup/sandbox.ts';
import { assertRefused, bin, type Harness, makeHarness, type Start } from '../harness.ts';
import { canActAsOthers, where } from '../needs.ts';
import { pythonServer } from './page-server.ts';

/** kmem-run sweep with the test's own store and JSON file. */
function makeSweeps(t: ExecutionContext) {
  const harness = makeHarness(t);
  const words = (args: readonly string[]) => [
    'sweep',
    '--store',
    harness.path('store.db'),
    '--json',
    harness.path('sweep.json'),
    ...args,
  ];
  const report = (): SweepReport => JSON.parse(harness.read('sweep.json'));
  return {
    ...harness,
    report,
    start: (args: readonly string[], start: Start = {}) => harness.start(words(args), { ...start, json: false }),
    run: (args: readonly string[], start: Start = {}) => harness.run(words(args), { ...start, json: false }),
  };
}

/** The saved runs of the only experiment, in the order in which they ended. */
function kept({ has, path }: Pick<Harness, 'has' | 'path'>) {
  if (!has('store.db')) return [];
  const store = openStore(path('store.db'), 'read');
  try {
    return store.experiments({}).flatMap(({ id }) => [...store.runsOf(id)]);
  } finally {
    store.close();
  }
}

function placesOf(runs: ReturnType<typeof kept>) {
  return runs.map(({ point, repeat }) => `${point} ${repeat}`);
}

/** Under the first of these `true` cannot start; the second is plenty. */
const LIMITS = '64K,4M';

test.serial('a sweep has a row per limit, saves every run and leaves nothing', async (t) => {
  const sweep = makeSweeps(t);
  const { status, stdout, stderr } = await sweep.run(['--kmem', LIMITS, '--repeat', '3', '--seed', '7', '--', 'true']);
  t.is(status, 0, stderr);
  t.regex(stdout, /^kmem-run: 6 runs at 2 points of true\n/);
  t.regex(stdout, /^ {2}64 KiB {5}3 {7}0 {2}[1-9].*\(ENOMEM\)$/m);
  t.regex(stdout, /^ {2}4 MiB {6}3 {7}3 {2}0 /m);
  t.regex(stdout, /┤▁▁▁▁▁▁██████$/m);
  t.regex(stdout, /^ {2}seed {5}7; 1 job on CPU \d+; 1 warm-up; at most 30 s a run; saved as [0-9a-f]{12}$/m);

  const { points, runs, id, ...report } = sweep.report();
  t.like(report, { kind: 'sweep', status: 'done', seed: 7, repeat: 3, axes: ['kmem'], error: null });
  t.deepEqual(runs, { planned: 6, made: 6 });
  t.deepEqual(
    points.map(({ settings, passed, outcomes }) => [settings, passed, outcomes]),
    [
      [{ kmem: 65_536 }, 0, { failed: 3 }],
      [{ kmem: 4_194_304 }, 3, { passed: 3 }],
    ],
  );
  const own = kept(sweep);
  t.deepEqual(placesOf(own).toSorted(), ['0 0', '0 1', '0 2', '1 0', '1 1', '1 2']);
  t.true(own.every(({ experimentId, result }) => experimentId === id && result.spec.output === 'null'));
  const ids = points.flatMap(({ figures }) => figures.map((figure) => figure.id));
  t.deepEqual(ids.toSorted(), own.map(({ result }) => result.id).toSorted());
  const cpus = new Set(own.map(({ result }) => JSON.stringify(result.spec.cpus)));
  t.is(cpus.size, 1, 'all on the same CPU');
  sweep.assertNothingLeft();
});

test.serial('a server and its client, two at a time: each run has its own port and folder', async (t) => {
  const sweep = makeSweeps(t);
  const { options, command } = pythonServer();
  const words = ['--kmem', '64K,4M', '--repeat', '3', '--jobs', '2', '--wait', 'exit', '--cwd', '${dir}'];
  const { status, stdout, stderr } = await sweep.run([...words, ...options, ...command]);
  t.is(status, 0, stdout + stderr);
  const { points, then } = sweep.report();
  t.deepEqual(then, ['client: curl -sf http://127.0.0.1:${port}/']);
  t.deepEqual(
    points.map(({ passed, runs }) => `${passed} of ${runs}`),
    ['0 of 3', '3 of 3'],
  );
  const specs = kept(sweep).map(({ result }) => result.spec);
  t.is(new Set(specs.map(({ cwd }) => cwd)).size, specs.length);
  t.true(specs.every(({ template }) => template?.input.cwd === '${dir}'));
  sweep.assertNothingLeft();
});

test.serial('the same seed gives the same order', async (t) => {
  const orders = [];
  for (const seed of ['5', '5', '6']) {
    const sweep = makeSweeps(t);
    await sweep.run(['--kmem', '1M..8M:1M', '--seed', seed, '--warmup', '0', '--', 'true']);
    orders.push(placesOf(kept(sweep)));
  }
  const [first, again, other] = orders;
  t.is(first?.length, 8);
  t.deepEqual(again, first);
  t.notDeepEqual(other, first);
});

test.serial('two jobs: two runs at a time, each bound to its own CPU', async (t) => {
  const sweep = makeSweeps(t);
  // Each waits for the other: only two at a time get through.
  const meet =
    'i=0; touch here.$$; while [ "$(ls here.* | wc -l)" -lt 2 ] && [ $i -lt 3000 ]; do i=$((i+1)); sleep 0.01; done; [ $i -lt 3000 ]';
  const { status, stdout } = await sweep.run(['--repeat', '2', '--jobs', '2', '--warmup', '0', '--', 'sh', '-c', meet]);
  t.is(status, 0);
  t.is(sweep.report().points[0]?.passed, 2);
  const cpus = kept(sweep).map(({ result }) => result.spec.cpus);
  t.true(cpus.every((own) => own?.length === 1));
  const { jobs } = sweep.report();
  t.deepEqual(cpus.map(String).toSorted(), jobs.map(String).toSorted());
  const shares = new Set(jobs.map(String)).size < 2;
  t.is(/2 jobs share 1 CPU/.test(stdout), shares);
  sweep.assertNothingLeft();
});

test.serial('more jobs than CPUs: a warning', async (t) => {
  const sweep = makeSweeps(t);
  const { stdout } = await sweep.run(['--jobs', '2', '--cpus', '0', '--warmup', '0', '--', 'true']);
  t.regex(stdout.replace(/\s+/g, ' '), /2 jobs share 1 CPU: runs on the same CPU slow each other down/);
});

test.serial('--prepare runs outside the group before each run, including warm-ups', async (t) => {
  const sweep = makeSweeps(t);
  const { status } = await sweep.run([
    '--repeat',
    '2',
    '--prepare',
    'grep memory: /proc/self/cgroup >> prepared; echo >&2 prepared; echo out',
    '--',
    'sh',
    '-c',
    'grep memory: /proc/self/cgroup >> ran',
  ]);
  t.is(status, 0);
  const [prepared, ran] = ['prepared', 'ran'].map((name) => sweep.read(name).trim().split('\n'));
  t.is(prepared?.length, 3);
  t.is(ran?.length, 3);
  t.true(prepared?.every((line) => !line.includes('kmem-run.')));
  t.true(ran?.every((line) => line.includes('kmem-run.')));
});

test.serial('a failing preparation ends the sweep, and partial results are printed', async (t) => {
  const sweep = makeSweeps(t);
  const { status, stdout } = await sweep.run([
    '--repeat',
    '5',
    '--warmup',
    '0',
    '--prepare',
    'echo >> prepared; [ "$(wc -l < prepared)" -lt 3 ]',
    '--',
    'true',
  ]);
  t.is(status, 125);
  t.regex(stdout, /^kmem-run: 2 of 5 runs of true\n/);
  t.regex(stdout, /error {4}--prepare .* failed before a run: exit 1/);
  t.like(sweep.report(), { status: 'failed', error: { code: 'prepare-failed' }, runs: { planned: 5, made: 2 } });
  t.is(kept(sweep).length, 2);
});

test.serial('every run has an empty stdin', async (t) => {
  const sweep = makeSweeps(t);
  const { status } = await sweep.run(['--repeat', '2', '--warmup', '0', '--', 'sh', '-c', '! read line'], {
    input: 'a\nb\nc\n',
  });
  t.is(status, 0);
  t.is(sweep.report().points[0]?.passed, 2);
});

test.serial('stdout is for the report: the commands’ output is discarded by default', async (t) => {
  const sweep = makeSweeps(t);
  t.notRegex((await sweep.run(['--warmup', '0', '--', 'echo', 'hello'])).stdout.replace(/^kmem-run:.*$/m, ''), /hello/);
  t.regex((await sweep.run(['--warmup', '0', '--output', 'inherit', '--', 'echo', 'hello'])).stdout, /^hello$/m);
});

test.serial('--json - has stdout to itself; the table goes to stderr', async (t) => {
  const { run, path } = makeHarness(t);
  const { stdout, stderr, status } = await run(
    ['sweep', '--store', path('s.db'), '--json', '-', '--warmup', '0', '--', 'true'],
    { json: false },
  );
  t.is(status, 0);
  t.like(JSON.parse(stdout), { kind: 'sweep', runs: { made: 1 } });
  t.regex(stderr, /^kmem-run: 1 run of true$/m);
});

/** A command that hangs at its 4th run until the folder contains `go`. */
const STUCK =
  'n=$(ls run.* 2>/dev/null | wc -l); touch run.$$; [ "$n" -lt 3 ] || while [ ! -e go ]; do sleep 0.02; done';

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test.serial(`${signal}: finished runs are kept, and --resume performs only the rest`, async (t) => {
    const sweep = makeSweeps(t);
    const args = ['--kmem', '2M,4M', '--repeat', '4', '--warmup', '0', '--grace', '100ms', '--', 'sh', '-c', STUCK];
    const running = sweep.start(args);
    await until(() => kept(sweep).length === 3);
    await until(() => sweep.whatIsLeft().some((what) => what.includes('(sleep)')));
    running.signal(signal);
    const ended = await running.ended;
    const before = kept(sweep);
    t.is(before.length, 3);
    if (signal === 'SIGINT') {
      t.is(ended.status, 130);
      t.regex(ended.stdout, /^kmem-run: 3 of 8 runs at 2 points of sh/);
      t.regex(ended.stdout, /resume {3}kmem-run sweep --resume [0-9a-f]{12}\n/);
      t.like(sweep.report(), { status: 'stopped', runs: { planned: 8, made: 3 } });
    }
    // The helper outlives its runner and kills what it ran.
    await until(() => sweep.whatIsLeft().length === 0);

    const id = before[0]?.experimentId ?? '';
    const { status, stdout } = await sweep.run(['--resume', id.slice(0, 6)], {
      under: ['sh', '-c', 'touch go; exec "$@"', 'sh'],
    });
    t.is(status, 0);
    t.regex(stdout, /^kmem-run: 8 runs at 2 points of sh/);
    const places = placesOf(kept(sweep));
    t.is(places.length, 8);
    t.is(new Set(places).size, 8);
    t.deepEqual(placesOf(before), places.slice(0, 3));
    t.deepEqual(
      kept(sweep)
        .slice(0, 3)
        .map(({ result }) => result.id),
      before.map(({ result }) => result.id),
    );
    t.is(sweep.report().id, id);
    sweep.assertNothingLeft();
  });
}

test.serial(
  'at a terminal: a progress line appears after a second, and Ctrl-C ends it with partial results',
  async (t) => {
    const harness = makeHarness(t);
    const words = '--store store.db --json sweep.json --repeat 50 --warmup 0';
    const line = `${process.execPath} ${bin} sweep ${words} -- sh -c 'echo >> ran; sleep 0.15'`;
    const typed = `while [ "$(cat ran 2>/dev/null | wc -l)" -lt 12 ]; do sleep 0.05; done; printf '\\003'; while [ ! -e sweep.json ]; do sleep 0.05; done`;
    const { stdout } = await harness.startProgram(['sh', '-c', `(${typed}) | script -qec "$0" /dev/null`, line]).ended;
    const shown = stdout.replaceAll('\u001b', '␛');
    t.regex(shown, /\r␛\[K\d+ of 50 runs ▕[█░]{12}▏ [^;]+ left; (now no limit; )?last: passed at no limit/);
    // Cleared before the report.
    t.regex(shown, /\r␛\[K(␛\[\d+m)?kmem-run: /);
    const report: SweepReport = JSON.parse(harness.read('sweep.json'));
    t.is(report.status, 'stopped');
    t.true(report.runs.made >= 11 && report.runs.made < 50);
    // What Ctrl-C did to the command itself does not count.
    t.is(report.points[0]?.passed, report.runs.made);
    t.is(kept(harness).length, report.runs.made);
    harness.assertNothingLeft();
  },
);

where(
  canActAsOthers,
  'root',
  test.serial,
)('the disk of the store fills up: no run that ended is lost', async (t) => {
  const { run, path, folder, assertNothingLeft } = makeHarness(t);
  mkdirSync(path('disk'));
  const mounted = 'mount -t tmpfs -o size=256k none disk; "$@"; status=$?; cp -r disk after; exit $status';
  const { status, stdout, stderr } = await run(
    ['sweep', '--store', 'disk/store.db', '--repeat', '500', '--warmup', '0', '--jobs', '2', '--', 'true'],
    { json: false, under: ['unshare', '-m', 'sh', '-c', mounted, 'sh'] },
  );
  t.is(status, 125);
  const [, made = ''] = /^kmem-run: (\d+) of 500 runs of true\n/.exec(stdout) ?? t.fail(stdout) ?? [];
  t.true(Number(made) > 5);
  t.regex(stdout + stderr, /error .*no space is left on its disk.*; the result is in ".*\.json" instead/);
  const beside = readdirSync(folder).filter((name) => /^kmem-run-[0-9a-f]+\.json$/.test(name));
  t.true(beside.length >= 1);
  for (const name of beside) t.is(JSON.parse(readFileSync(path(name), 'utf8')).outcome, 'passed');
  const store = openStore(path('after/store.db'), 'read');
  t.teardown(() => store.close());
  t.is(store.list({}).length, Number(made));
  assertNothingLeft();
});

test.serial('a missing command is reported with a hint, and no experiment is saved', async (t) => {
  const sweep = makeSweeps(t);
  const ran = await sweep.run(['--kmem', LIMITS, '--', '/nonexistent/program']);
  t.is(ran.status, 125);
  assertRefused(t, ran, /command not found/);
  const store = openStore(sweep.path('store.db'), 'read');
  t.teardown(() => store.close());
  t.deepEqual(store.experiments({}), []);
});

for (const [args, reason] of [
  [['--kmem', '1M..2M', '--', 'true'], /^kmem-run: --kmem: "1M..2M" has no step/],
  [['--kmem', '1xx', '--', 'true'], /^kmem-run: --kmem: "1xx" is not a size/],
  [['--kmem', '1M', '--kmem', '2M', '--', 'true'], /--kmem is given more than once/],
  [['--mem', '1M,2M', '--memsw', '1M', '--', 'true'], /--memsw .* is below --mem/],
  [['--pids', '0', '--', 'true'], /--pids: "0" is not a number of processes/],
  [['--repeat', '0', '--', 'true'], /--repeat: "0" is not a number from 1 to/],
  [['--jobs', 'x', '--', 'true'], /--jobs: "x" is not a number/],
  [['--seed', '4294967296', '--', 'true'], /--seed: "4294967296"/],
  [['--warmup', '-1', '--', 'true'], /--warmup: "-1"/],
  [['--prepare', '', '--', 'true'], /--prepare/],
  [['--output', 'file', '--', 'true'], /--output: several runs cannot share the file "file"/],
  [['--trace-gate', 'x', '--', 'true'], /unknown option "--trace-gate"/],
  [['--vm-memory', '1G', '--', 'true'], /--vm-memory requires a microVM/],
  [['--kmem', '4K..1G:4K', '--', 'true'], /more than 10000 values/],
  [['--kmem', '4K..16M:4K', '--repeat', '1000', '--', 'true'], /too many runs: .*at most 1,000,000 runs/],
  [['--kmem', '1M', 'true'], /-- is missing/],
  [['--kmem', '1M', '--'], /missing command after --/],
  [['other', '--', 'true'], /unexpected argument before --: "other"/],
  [['--resume', 'abc', '--kmem', '1M'], /--kmem cannot be combined with --resume/],
  [['--resume', 'abc', '--', 'true'], /a command cannot be combined with --resume/],
  [['--resume', 'abc'], /abc/],
] as const) {
  test.serial(`rejected before anything runs: ${args.join(' ')}`, async (t) => {
    const sweep = makeSweeps(t);
    const ran = await sweep.run(args);
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
    t.deepEqual(kept(sweep), []);
    t.false(sweep.has('sweep.json'));
  });
}

test.serial('--help and --dry-run', async (t) => {
  const { run, path, has } = makeHarness(t);
  const help = await run(['sweep', '--help'], { json: false });
  t.is(help.status, 0);
  for (const word of ['RANGE', '--repeat', '--resume', '--then', 'Exit status'])
    t.true(help.stdout.includes(word), word);
  t.notRegex(help.stdout, /--trace-gate|--verbose/);
  const dry = await run(
    ['sweep', '--store', path('s.db'), '--dry-run', '--kmem', '1M,2M', '--seed', '3', '--', 'true'],
    { json: false },
  );
  t.like(JSON.parse(dry.stdout), {
    axes: { kmem: [1_048_576, 2_097_152] },
    seed: 3,
    repeat: 1,
    input: { command: ['true'] },
  });
  t.false(has('s.db'));
});
