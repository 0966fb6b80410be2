import { statSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { ExploreFinding, ExploreReport } from '../../src/experiment/explore/report.ts';
import { openStore } from '../../src/store/store.ts';
import { until } from '../cgroup/sandbox.ts';
import { compileBare, compileFixture } from '../fixtures/compile.ts';
import { assertRefused, bin, makeHarness, type Start } from '../harness.ts';
import { nodeServer } from './page-server.ts';

/** kmem-run explore with the test's own store and JSON file. */
function makeExplorations(t: ExecutionContext) {
  const harness = makeHarness(t);
  const words = (args: readonly string[]) => [
    'explore',
    ...['--store', harness.path('store.db'), '--json', harness.path('explore.json')],
    ...args,
  ];
  const start = (args: readonly string[], more: Start = {}) =>
    harness.start(words(args), { timeout: 300_000, ...more, json: false });
  return {
    ...harness,
    report: (): ExploreReport => JSON.parse(harness.read('explore.json')),
    start,
    run: (args: readonly string[], more: Start = {}) => start(args, more).ended,
  };
}

function shape({ class: name, syscall, mode }: ExploreFinding) {
  return `${name} ${syscall} ${mode}`;
}

test.serial(
  'sleep: the loader crashes without a mapping, and the replay line reproduces it 20 out of 20 times',
  async (t) => {
    const exploration = makeExplorations(t);
    const { status, stdout, stderr } = await exploration.run(['--jobs', '2', '--', 'sleep', '0.1']);
    t.is(status, 1, stdout + stderr);
    const { findings, counts, score, calls, ...report } = exploration.report();
    t.like(report, { kind: 'explore', status: 'done', error: null, command: ['sleep', '0.1'] });
    const crash = findings.find(
      ({ class: name, mode, syscall }) => name === 'crash' && mode === 'once' && syscall === 'mmap',
    );
    t.like(crash, { comm: 'sleep', how: 'the command died of SIGSEGV', seen: 2, runs: 2 });
    t.is(crash?.replay, `kmem-run --fail ${crash?.address} -- sleep 0.1`);
    t.true(stdout.includes(`\n           ${crash?.replay}\n`), stdout);
    t.is(score, counts.handled / (counts.handled + findings.length));
    // A program that cannot map its libraries reports that and exits.
    t.true(counts.handled > 20 && (calls?.chosen ?? 0) > 15);
    exploration.assertNothingLeft();

    for (let time = 0; time < 20; time++) {
      const line = (crash?.replay ?? '').replace('kmem-run', '"$NODE" "$BIN"');
      const env = { NODE: process.execPath, BIN: bin };
      const again = await exploration.startProgram(['sh', '-c', line], { env }).ended;
      t.is(again.status, 139, `time ${time}: ${again.stderr}`);
    }
    exploration.assertNothingLeft();
  },
);

test.serial('a server with four bugs: each one is found and classified correctly', async (t) => {
  const exploration = makeExplorations(t);
  const kiosk = compileBare('kiosk');
  const { status, stdout, stderr } = await exploration.run(['--jobs', '2', '--timeout', '3s', '--', kiosk]);
  t.is(status, 1, stdout + stderr);
  const { findings, score } = exploration.report();
  const found = new Map(findings.map((finding) => [shape(finding), finding]));
  // A worker that crashes; its parent reports only that there is no answer.
  t.like(found.get('crash mmap once'), {
    detail: '65536 bytes',
    how: 'kiosk died of SIGSEGV',
    message: 'kiosk: no answer',
  });
  t.like(found.get('hang openat persistent'), { detail: '<dir>/log', message: null });
  t.like(found.get('silent clone once'), { how: 'exit 0, but the file book is missing' });
  t.regex(
    found.get('silent mremap once')?.how ?? '',
    /^exit 0, but its output differs: a line ends after 4,096 of 12,288/,
  );
  t.true(findings.every(({ seen, runs }) => seen === 2 && runs === 2));
  // No finding concerns the client, nor what the server does check.
  t.deepEqual([...new Set(findings.map(({ comm, address }) => `${comm} ${address.split('/')[0]}`))], ['kiosk 0.1']);
  const [once] = [
    findings
      .filter(({ mode }) => mode === 'once')
      .map(shape)
      .toSorted(),
  ];
  t.deepEqual(once, ['crash mmap once', 'silent clone once', 'silent mremap once']);
  t.true(score !== null && score > 0.5 && score < 1);
  // The worst first, in the text as well.
  const order = ['crash', 'hang', 'silent'].map((name) => stdout.indexOf(`\n  ${name} `));
  t.deepEqual(
    order.toSorted((a, b) => a - b),
    order,
  );
  t.true(
    order.every((at) => at > 0),
    stdout,
  );
  exploration.assertNothingLeft();
});

test.serial('its twin without bugs: every call is tried, and nothing is found', async (t) => {
  const exploration = makeExplorations(t);
  const twin = compileBare('kiosk', 'CORRECT');
  const { status, stdout, stderr } = await exploration.run(['--jobs', '2', '--all', '--', twin]);
  t.is(status, 0, stdout + stderr);
  const { findings, counts, calls, runs } = exploration.report();
  t.deepEqual(findings, []);
  t.deepEqual([calls?.listed, calls?.chosen, calls?.unstable, calls?.duplicates], [12, 12, 0, 0]);
  t.like(counts, { crash: 0, hang: 0, silent: 0, leak: 0, mute: 0, notFailed: 0 });
  t.is(counts.handled + counts.unsteady, 24);
  t.true(runs.made >= 2 + 24);
  t.regex(stdout, /^kmem-run: no findings in 24 failures of /);
  exploration.assertNothingLeft();
});

test.serial('a heap that grows by brk is not reported: the C library falls back to mmap', async (t) => {
  const exploration = makeExplorations(t);
  const program = compileFixture('own-heap');
  const { stdout } = await exploration.run(['--only', 'brk', '--all', '--jobs', '2', '--', program]);
  const { findings, counts, calls } = exploration.report();
  // From the loader's own brk onwards all its mappings fail as well and it crashes, before the heap grows.
  t.deepEqual(
    findings.filter(({ address }) => address !== '0/2:brk+'),
    [],
    stdout,
  );
  t.true((calls?.chosen ?? 0) > 10);
  // All except the queries of the break.
  t.true(counts.handled > 2 * (calls?.chosen ?? 0) - 6 && counts.unsteady === 0, stdout);
});

test.serial('a step that hides its failure counts as silent when a later step fails', async (t) => {
  const exploration = makeExplorations(t);
  const begin = 'echo begun > "$KMEM_RUN_DIR/state" || true';
  const { status, stdout, stderr } = await exploration.run([
    ...['--only', 'openat,open', '--in', 'sh', '--then', 'grep -q begun "$KMEM_RUN_DIR/state"', '--jobs', '2'],
    ...['--', 'sh', '-c', begin],
  ]);
  t.is(status, 1, stdout + stderr);
  const { findings } = exploration.report();
  const later = findings.find(({ how }) =>
    /^step 0 ended as when undisturbed, although its result was wrong: step 1 then failed/.test(how),
  );
  t.like(later, { class: 'silent', comm: 'sh', detail: '<dir>/state' });
  t.is(
    later?.replay,
    `KMEM_RUN_DIR=$(mktemp -d) kmem-run --fail ${later?.address} --then 'grep -q begun "$KMEM_RUN_DIR/state"' -- sh -c '${begin}'`,
  );
  exploration.assertNothingLeft();
});

test.serial('leftovers are found: a process and a file', async (t) => {
  const exploration = makeExplorations(t);
  const line = 'touch "$TMPDIR/lock"; sleep 100 & ls / >/dev/null || exit 3; kill $!; rm "$TMPDIR/lock"';
  const { status, stdout, stderr } = await exploration.run([
    ...['--only', 'execve', '--in', 'sh', '--', 'sh', '-c', line],
  ]);
  t.is(status, 1, stdout + stderr);
  const { findings } = exploration.report();
  t.true(findings.some(({ class: name, how }) => name === 'leak' && how === 'the process sleep is left behind'));
  t.true(findings.some(({ class: name, how }) => name === 'leak' && how === 'the file tmp/lock is left behind'));
  exploration.assertNothingLeft();
});

test.serial('each run has its own folder and port, which --prepare sees too, and every run is saved', async (t) => {
  const exploration = makeExplorations(t);
  const note = 'echo "$KMEM_RUN_DIR $KMEM_RUN_PORT $TMPDIR" >> places';
  const { status, stdout, stderr } = await exploration.run([
    ...[
      '--prepare',
      'echo from prepare > "$KMEM_RUN_DIR/given"',
      '--only',
      'pipe,pipe2',
      '--limit',
      '1',
      '--jobs',
      '2',
    ],
    ...['--', 'sh', '-c', `${note}; cat "$KMEM_RUN_DIR/given" | grep -q prepare || { echo sh: no pipe >&2; exit 2; }`],
  ]);
  t.is(status, 0, stdout + stderr);
  const places = exploration
    .read('places')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const { runs, id } = exploration.report();
  // One warm-up.
  t.is(places.length, runs.made + 1);
  // A port that was freed may be reused.
  for (const column of [0, 2]) t.is(new Set(places.map((place) => place[column])).size, places.length);
  t.true(
    places.every(
      ([folder = '', port, temporary]) => /^(2\d|3[01])\d{3}$/.test(port ?? '') && temporary === `${folder}/tmp`,
    ),
  );
  t.true(places.every(([folder = '']) => statSync(folder, { throwIfNoEntry: false }) === undefined));
  const store = openStore(exploration.path('store.db'), 'read');
  t.teardown(() => store.close());
  t.is([...store.runsOf(id)].length, runs.made);
  t.like(store.experiment(id), { kind: 'explore', status: 'done', summary: { handled: 2, findings: 0 } });
  exploration.assertNothingLeft();
});

test.serial('pids, times and temporary names do not count as differences', async (t) => {
  const exploration = makeExplorations(t);
  const line =
    'set -e; echo "I am $$"; mktemp; mktemp -p "$KMEM_RUN_DIR" >/dev/null; date +%s > "$KMEM_RUN_DIR/when"; date "+now %T.%N"';
  const chosen = ['--only', 'openat', '--in', 'date,mktemp', '--limit', '5', '--jobs', '2'];
  const { status, stdout, stderr } = await exploration.run([...chosen, '--', 'sh', '-c', line]);
  t.is(status, 0, stdout + stderr);
  const { counts, calls, runs } = exploration.report();
  t.is(calls?.chosen, 5);
  // No call was checked again: none seemed bad even once.
  t.deepEqual([counts.handled, counts.unsteady, runs.made], [10, 0, 12]);
});

test.serial('a server: each run has its own port, and the replay line reproduces the finding', async (t) => {
  const exploration = makeExplorations(t);
  const { options, command } = nodeServer();
  const words = ['--jobs', '2', '--limit', '3', '--only', 'mmap', '--wait', 'exit'];
  const { status, stdout, stderr } = await exploration.run([...words, ...options, ...command]);
  t.is(status, 1, stdout + stderr);
  const { findings, counts, ...report } = exploration.report();
  t.deepEqual(report.then, ['client: curl -sf http://127.0.0.1:${port}/']);
  // Stopping a server at the end is not a difference.
  t.true(counts.handled > 0 && counts.silent === 0, stdout);
  const once = findings.filter(({ mode }) => mode === 'once');
  t.true(once.length > 0);
  for (const { how, replay } of once) {
    t.regex(how, /^step 0 died of SIG/);
    const env = { NODE: process.execPath, BIN: bin };
    const again = await exploration.startProgram(['sh', '-c', replay.replace('kmem-run', '"$NODE" "$BIN"')], { env })
      .ended;
    t.true([134, 139].includes(again.status ?? 0), `${replay}: ${again.status} ${again.stderr}`);
  }
  exploration.assertNothingLeft();
});

test.serial('a run’s own folder and ports, whatever their names, do not count as differences', async (t) => {
  const exploration = makeExplorations(t);
  const listen =
    'import socket, sys; s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); print(sys.argv, flush=True); s.accept()';
  const { status, stdout, stderr } = await exploration.run([
    ...['--only', 'openat', '--in', 'sh', '--limit', '4', '--wait', 'exit'],
    ...['--ready', 'output:argv|-c', '--then', 'set -e; echo ${port} > "${dir}/at-${port.other}"'],
    ...['--', '/usr/bin/python3', '-c', listen, '${port}', '${port.other}', '${dir}'],
  ]);
  t.is(status, 0, stdout + stderr);
  const { counts, warnings, tried } = exploration.report();
  t.true(counts.handled > 0 && counts.unsteady === 0);
  t.true(
    tried?.some(({ detail }) => detail === '<dir>/at-<port>'),
    JSON.stringify(tried),
  );
  t.deepEqual(
    warnings.filter((text) => text.includes('differs')),
    [],
  );
  exploration.assertNothingLeft();
});

test.serial('Ctrl-C prints partial results and leaves nothing behind', async (t) => {
  const exploration = makeExplorations(t);
  const running = exploration.start(['--', 'sleep', '0.2']);
  await until(() => {
    if (!exploration.has('store.db')) return false;
    const store = openStore(exploration.path('store.db'), 'read');
    try {
      return (store.experiments({})[0]?.runs ?? 0) > 6;
    } finally {
      store.close();
    }
  });
  running.signal('SIGINT');
  const { status, stdout, stderr } = await running.ended;
  t.is(status, 130, stdout + stderr);
  const { runs, ...report } = exploration.report();
  t.like(report, { status: 'stopped' });
  t.true(runs.made >= 6 && runs.made < runs.planned);
  t.regex(stdout, /^kmem-run: stopped; /);
  exploration.assertNothingLeft();
});

test.serial('a command that fails anyway is reported, not explored', async (t) => {
  const exploration = makeExplorations(t);
  const { status, stdout, stderr } = await exploration.run(['--', 'sh', '-c', 'echo no such luck >&2; exit 3']);
  t.is(status, 125);
  t.regex(stdout + stderr, /does not pass even when nothing fails: failed, "no such luck"/);
  t.like(exploration.report(), { status: 'failed', score: null, findings: [], error: { code: 'undisturbed-fails' } });
});

test.serial('if no call matches, the calls are listed', async (t) => {
  const exploration = makeExplorations(t);
  const { status, stdout, stderr } = await exploration.run(['--in', 'apache2', '--', 'true']);
  t.is(status, 125);
  t.regex(
    (stdout + stderr).replace(/\s+/g, ' '),
    /none of the command's \d+ gated calls? matches --in apache2 hint: programs: true; calls: .*mmap/,
  );
});

for (const [args, reason] of [
  [['--only', 'opnat', '--', 'true'], /^kmem-run: --only: "opnat" is not a gated call/],
  [['--kmem', '1M', '--', 'true'], /--kmem cannot be combined with explore, which fails calls one by one/],
  [['--enforce', 'none', '--', 'true'], /--enforce none cannot be combined with explore, which requires the gate/],
  [['--fail', '0/3:mmap', '--', 'true'], /unknown option "--fail"/],
  [['--resume', 'abc'], /unknown option "--resume"/],
  [['--limit', '0', '--', 'true'], /--limit: "0" is not a number from 1/],
  [['--trace-gate', 'x', '--', 'true'], /unknown option "--trace-gate"/],
  [['--rcu-wait', 'off', '--', 'true'], /unknown option "--rcu-wait"/],
  [['--profile', '--', 'true'], /unknown option "--profile"/],
  [['true'], /-- is missing/],
] as const) {
  test.serial(`rejected before anything runs: ${args.join(' ')}`, async (t) => {
    const exploration = makeExplorations(t);
    const ran = await exploration.run(args);
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
    t.false(exploration.has('store.db'));
  });
}
