import { writeFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { ReplayReport } from '../../src/experiment/replay/report.ts';
import { openStore } from '../../src/store/store.ts';
import { assertRefused, bin, makeHarness, type Start } from '../harness.ts';
import { pythonServer } from './page-server.ts';

/** kmem-run with the test's own store. */
function makeReplays(t: ExecutionContext) {
  const harness = makeHarness(t);
  const store = ['--store', harness.path('store.db')];
  const kmemRun = (args: readonly string[], start: Start = {}) => harness.run(args, { json: false, ...start });
  return {
    ...harness,
    /** Saves a run in the store and r.json. */
    record: (...args: string[]) => kmemRun(['run', ...store, '--json', harness.path('r.json'), ...args]),
    replay: (args: readonly string[], start: Start = {}) =>
      kmemRun(['replay', ...store, '--json', harness.path('replay.json'), ...args], start),
    kmemRun,
    report: (): ReplayReport => JSON.parse(harness.read('replay.json')),
    kept: () => {
      const open = openStore(harness.path('store.db'), 'read');
      try {
        return [...open.allRuns()];
      } finally {
        open.close();
      }
    },
  };
}

/** Its fork is denied, and it exits with 2. */
const DENIED = ['--kmem', '148K', '--timeout', '30s', '--', 'sh', '-c', 'true & wait $!'];

test.serial('from a file, the store or a token: the run is replayed and turns out the same', async (t) => {
  const { record, replay, kmemRun, path, kept, report, assertNothingLeft } = makeReplays(t);
  const options = [
    '--env',
    'KIND=own',
    '--cpus',
    '0',
    // What the first step leaves is freed some 100 ms later; otherwise it is in the next step's peak by chance.
    '--client',
    'sleep 0.3',
    '--then',
    'exit 3',
    '--expect',
    'failcnt>0',
    '--expect',
    'steps[2].exit==3',
  ];
  await record(...options, ...DENIED);
  const [{ result: recorded } = t.fail() as never] = kept();
  t.is(recorded.kmem.failcnt, 1);
  const token = (await kmemRun(['replay', '--token', path('r.json')])).stdout.trim();
  // The latest run is the recorded one only at first.
  for (const word of ['@', path('r.json'), recorded.id.slice(0, 8), token]) {
    const { status, stdout, stderr } = await replay([word, '--label', 'again']);
    t.is(status, 0, stdout + stderr);
    t.regex(stdout, /^kmem-run: the same in \d replays?: expectation\n/);
    t.regex(stdout, /\n {2}first call {2}sh: clone \(ENOMEM\): same\n/);
    t.regex(stdout, /\n {2}failcnt {5}1: same\n/);
    t.regex(stdout, /\n {2}not reused {2}stdin: empty\n/);
    t.like(report(), { kind: 'replay', status: 'done', verdict: 'same', recorded: { id: recorded.id } });
  }
  const [, ...again] = kept();
  t.true(again.length >= 4);
  // The template of a replay records where it was created.
  const specs = again.map(({ result: { spec }, label }) => [{ ...spec, template: null }, label]);
  for (const spec of specs) t.deepEqual(spec, [{ ...recorded.spec, template: null }, 'again']);
  t.is(new Set(kept().map(({ result }) => result.id)).size, 1 + again.length);
  assertNothingLeft();
});

test.serial('differences are named and set the exit status', async (t) => {
  const { record, replay, report, path } = makeReplays(t);
  await record('--then', '[ ! -e later ]', '--', 'sh', '-c', '[ ! -e broken ] || kill -SEGV $$');
  writeFileSync(path('broken'), '');
  const { status, stdout } = await replay(['@', '--repeat', '2']);
  t.is(status, 1);
  t.regex(stdout, /^kmem-run: different in outcome, step 0(, kmem peak)? \(2 replays\)\n/);
  t.regex(stdout, /\n {2}outcome {5}passed → signaled: different\n {2}step 0 {6}exit 0 → SIGSEGV: different\n/);
  t.like(report(), { verdict: 'different', replays: { length: 2 } });
});

test.serial('its output files are left alone, and its stdin can be supplied again', async (t) => {
  const { record, replay, read, path, kept, whatIsLeft } = makeReplays(t);
  writeFileSync(path('words'), 'a\nb\n');
  const count = ['--expect', 'stdout~/^2$/', '--output', path('output'), '--trace-gate', path('trace'), '--cpus', '0'];
  await record('--kmem', '4M', ...count, '--', 'sh', '-c', 'wc -l < words');
  writeFileSync(path('output'), 'mine');
  writeFileSync(path('trace'), 'mine');
  const quiet = await replay(['@']);
  t.is(quiet.status, 0, quiet.stdout);
  t.deepEqual([read('output'), read('trace')], ['mine', 'mine']);

  await record('--', 'sh', '-c', 'read first && read second && ! read third');
  t.is(kept().at(-1)?.result.outcome, 'failed');
  t.is((await replay(['@', '--repeat', '2'])).status, 0);
  const given = await replay(['@', '--repeat', '2', '--stdin', path('words')]);
  t.is(given.status, 1);
  t.regex(given.stdout, /outcome {5}failed → passed: different/);
  t.deepEqual(whatIsLeft(), []);
});

test.serial('a run of a sweep gets the same preparation as before', async (t) => {
  const { kmemRun, replay, path, kept } = makeReplays(t);
  const words = ['--store', path('store.db'), '--warmup', '0', '--prepare', 'touch ready'];
  await kmemRun(['sweep', ...words, '--', 'sh', '-c', 'rm ready']);
  const id = kept()[0]?.result.id ?? '';
  t.is((await replay([id, '--repeat', '2'])).status, 0);
  t.is((await replay([id, '--repeat', '2', '--prepare', 'true'])).status, 1);
});

test.serial('at a terminal: a progress line is shown, and Ctrl-C ends it with partial results', async (t) => {
  const { record, startProgram, read, report, assertNothingLeft } = makeReplays(t);
  await record('--output', 'null', '--', 'sh', '-c', 'echo >> ran; sleep 0.15');
  const line = `${process.execPath} ${bin} replay --repeat 50 --json replay.json r.json`;
  const typed = `while [ "$(wc -l < ran)" -lt 12 ]; do sleep 0.05; done; printf '\\003'; while [ ! -e replay.json ]; do sleep 0.05; done`;
  const { stdout } = await startProgram(['sh', '-c', `(${typed}) | script -qec "$0" /dev/null`, line]).ended;
  const shown = stdout.replaceAll('\u001b', '␛');
  t.regex(shown, /\r␛\[K\d+ of 50 runs ▕[█░]{12}▏ [^;]+ left; (now replay; )?last: passed at replay/);
  t.regex(shown, /\r␛\[K(␛\[\d+m)?kmem-run: .*(the same|different) in .*\d+ replays? so far/);
  const { status, replays } = report();
  t.is(status, 'stopped');
  t.true(replays.length >= 8 && replays.length < 50);
  t.true(read('ran').length < 60);
  assertNothingLeft();
});

test.serial('results that cannot be replayed are rejected', async (t) => {
  const { replay, record, kmemRun, path, has, kept } = makeReplays(t);
  await record('--timeout', '30s', '--', '/nonexistent/program');
  await record('--', 'true');
  await kmemRun(['sweep', '--store', path('store.db'), '--json', path('sweep.json'), '--warmup', '0', '--', 'true']);
  const [failed, , swept] = kept();
  writeFileSync(path('other.json'), '{"schemaVersion":1}');
  writeFileSync(path('newer.json'), '{"schemaVersion":2}');
  writeFileSync(path('half.json'), '{"schemaV');
  for (const [reason, ...args] of [
    [/one more run is required/],
    [/unexpected argument "b"/, 'a', 'b'],
    [/no saved result is called "none"/, 'none'],
    [/no such file: "\.\/none\.json"/, './none.json'],
    [/"other\.json" is not the result of a run: id: /, 'other.json'],
    [/"newer\.json" is not the result of a run: its schemaVersion is not 1/, 'newer.json'],
    [/"half\.json" cannot be read: it is not JSON/, 'half.json'],
    [/"sweep\.json" is not the result of a run: it is the report of a sweep/, 'sweep.json'],
    [/is an experiment/, swept?.experimentId ?? ''],
    [/run [0-9a-f]+ cannot be replayed: it could not be run, or is void/, failed?.result.id ?? ''],
    [/incomplete or invalid kmem-run token/, 'kr2.abc'],
    [/created by an earlier version of kmem-run/, 'kr1.abc'],
    [/--cwd|cwd: .*does not exist/, 'r.json', '--cwd', '/nonexistent'],
    [/--repeat: "0" is not a number from 1/, 'r.json', '--repeat', '0'],
    [/--stdin: "none" cannot be read \(ENOENT\)/, 'r.json', '--stdin', 'none'],
    [/--output: "x" is neither inherit nor null/, 'r.json', '--output', 'x'],
    [/--kmem/, 'r.json', '--kmem', '1M'],
  ] as const) {
    const ran = await replay(args);
    t.is(ran.status, 125, ran.stdout);
    assertRefused(t, ran, reason);
    t.false(has('replay.json'));
  }
  assertRefused(t, await kmemRun(['replay', 'r.json', '--json', '-']), /--json -: the command uses stdout/);
});

test.serial('no verdict if a preparation fails or the command is missing', async (t) => {
  const { replay, record, report } = makeReplays(t);
  await record('--', 'true');
  const ran = await replay(['@', '--prepare', 'exit 3']);
  t.is(ran.status, 125);
  assertRefused(t, ran, /--prepare "exit 3" failed before a run: exit 3/);
  t.like(report(), { status: 'failed', verdict: null, error: { code: 'prepare-failed' } });
});

test.serial('--help, --dry-run and --token run nothing', async (t) => {
  const { record, kmemRun, path, read, kept } = makeReplays(t);
  await record('--', 'sh', '-c', 'echo >> ran');
  const help = await kmemRun(['replay', '--help']);
  t.is(help.status, 0);
  for (const word of ['FILE|ID|TOKEN', '--repeat', '--token', 'Exit status']) t.true(help.stdout.includes(word), word);
  const dry = await kmemRun(['replay', '--dry-run', 'r.json']);
  t.deepEqual(JSON.parse(dry.stdout), kept()[0]?.result.spec);
  const token = await kmemRun(['replay', '--token', '--store', path('store.db'), '@']);
  t.regex(token.stdout, /^kr2\.[\w-]+\n$/);
  t.is(read('ran'), '\n');
});

test.serial('a server gets a new folder and port, from the store and from a token', async (t) => {
  const { record, replay, kept, kmemRun, path, assertNothingLeft } = makeReplays(t);
  const { options, command } = pythonServer();
  const label = ['--label', 'server', '--wait', 'exit', '--cwd', '${dir}', '--client', 'echo ${port} > port'];
  await record('--kmem', '4M', ...options, ...label, ...command);
  const token = (await kmemRun(['replay', '--token', path('r.json')])).stdout.trim();
  for (const word of ['server', token]) {
    const { stdout, stderr } = await replay([word, '--repeat', '1', '--label', 'again', '--output', 'null']);
    // Only its peak may differ.
    t.regex(stdout, /^kmem-run: (the same|different in kmem peak) /, stderr);
    t.regex(stdout, /^ {2}outcome {5}passed: same$/m);
    t.regex(stdout, /the folder and the ports of the run: each replay has its own$/m);
    t.regex(stdout, /: \/usr\/bin\/python3 -m http\.server --bind 127\.0\.0\.1 '\$\{port\}'$/m);
  }
  const specs = kept().map(({ result }) => result.spec);
  t.is(specs.length, 3);
  t.is(new Set(specs.map(({ cwd }) => cwd)).size, 3);
  for (const { template, wait } of specs)
    t.deepEqual([template?.input.plan, wait], [specs[0]?.template?.input.plan, 'exit']);
  assertNothingLeft();
});

/** After its first line it does what `mode` says: fork, open files, or nothing. */
const MODES =
  'read mode < mode; case $mode in fork) true & wait $!;; open) for i in 1 2 3 4 5 6 7 8; do : < mode; done;; esac';

test.serial('an injected failure that recurs, is not reached or diverges is reported as such', async (t) => {
  const { record, replay, path, read, kept, report, assertNothingLeft } = makeReplays(t);
  const mode = (text: string) => writeFileSync(path('mode'), `${text}\n`);
  const command = ['--', 'sh', '-c', MODES];
  mode('fork');
  await record('--kmem', '4M', '--trace-gate', path('trace'), ...command);
  const calls = read('trace')
    .trim()
    .split('\n')
    .map((line): { syscall: string; address: string | null } => JSON.parse(line));
  const address = calls.find(({ syscall }) => syscall === 'clone')?.address ?? '';
  t.regex(address, /^0\/\d+:clone$/);

  await record('--fail', address, '--label', 'injected', ...command);
  t.like(kept().at(-1)?.result, { outcome: 'failed', injections: [{ address, outcome: 'injected' }] });
  const again = await replay(['injected', '--repeat', '3']);
  t.is(again.status, 0, again.stdout);
  t.true(again.stdout.includes(`  injection ${address}  injected: same\n`), again.stdout);

  mode('none');
  const short = await replay(['injected']);
  t.is(short.status, 1);
  t.regex(short.stdout, /^kmem-run: different in outcome, .*; the program did not reach that call\n/);
  t.like(report().replays[0]?.facts.injections[0], { address, outcome: 'not-reached', seen: null });

  mode('open');
  const other = await replay(['injected']);
  t.is(other.status, 1);
  t.regex(
    other.stdout,
    /^kmem-run: .*; the program made a different call at that address, and kmem-run did not make it fail\n/,
  );
  t.like(report().replays[0]?.facts.injections[0], { address, outcome: 'diverged', seen: 'openat' });
  assertNothingLeft();
});
