import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { bin, type Harness, makeHarness } from '../harness.ts';

function sh(line: string) {
  return ['--', 'sh', '-c', line];
}

/** Starts kmem-run with shell redirections. */
function redirected(redirections: string) {
  return ['sh', '-c', `exec "$@" ${redirections}`, 'sh'];
}

function hash(file: string) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function makeBytes(harness: Harness, size: number): string {
  writeFileSync(harness.path('in'), randomBytes(size));
  return hash(harness.path('in'));
}

const ways: readonly (readonly [title: string, options: (stream: string) => readonly string[]])[] = [
  ['inherited', () => []],
  ['under a limit', () => ['--kmem', '4M']],
  ['read by an expectation', (stream) => ['--kmem', '4M', '--expect', `${stream}~/./`]],
];

for (const [title, options] of ways) {
  test.serial(`64 MiB pass byte for byte: ${title}`, async (t) => {
    const harness = makeHarness(t);
    const before = makeBytes(harness, 64 * 1024 * 1024);
    for (const [stream, line, redirections] of [
      ['stdout', 'exec cat', '< in > out 2> err'],
      ['stderr', 'exec cat >&2', '< in > err 2> out'],
    ] as const) {
      const args = ['--quiet', ...options(stream), ...sh(line)];
      const ran = await harness.run(args, { under: redirected(redirections) });
      t.is(ran.status, 0);
      t.is(hash(harness.path('out')), before, stream);
      t.is(harness.read('err'), '');
    }
    harness.assertNothingLeft();
  });
}

test.serial('the command’s streams are the very files that kmem-run was given', async (t) => {
  const harness = makeHarness(t);
  writeFileSync(harness.path('in'), '');
  const show = '(exec stat -L -c %i /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 > inodes); :';
  const under = redirected('< in > out 2> err');
  t.is((await harness.run(['--kmem', '4M', ...sh(show)], { under })).status, 0);
  const inodes = ['in', 'out', 'err'].map((name) => statSync(harness.path(name)).ino);
  t.deepEqual(harness.read('inodes').trim().split('\n').map(Number), inodes);
  // The command gets nothing beyond what it was given: none of our descriptors reaches it.
  const listed = await harness.run(['--kmem', '4M', ...sh('ls /proc/self/fd | xargs')], { under });
  t.is(listed.status, 0);
  t.is(harness.read('out'), '0 1 2 3\n');
});

test.serial('output continues at the file’s current position, as in a plain shell', async (t) => {
  const harness = makeHarness(t);
  const line = `(echo before; ${process.execPath} ${bin} --quiet --kmem 8M -- echo ran; echo after) > out`;
  const running = harness.startProgram(['sh', '-c', line]);
  t.is((await running.ended).status, 0);
  t.is(harness.read('out'), 'before\nran\nafter\n');
});

test.serial('a terminal stays a terminal, and can be read from', async (t) => {
  const harness = makeHarness(t);
  const inner = 'test -t 0 && test -t 1 && test -t 2 && read answer && echo "got $answer" > answer; tty > tty';
  const line = `${process.execPath} ${bin} --kmem 4M -- sh -c '${inner}'`;
  const running = harness.startProgram(['script', '-qec', line, '/dev/null'], { input: 'hello\n' });
  t.is((await running.ended).status, 0);
  t.is(harness.read('answer'), 'got hello\n');
  t.regex(harness.read('tty'), /^\/dev\/pts\//);
  harness.assertNothingLeft();
});

test.serial('stdin can be /dev/null', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--kmem', '4M', ...sh('cat; echo end')], { stdin: 'ignore' });
  t.is(ran.stdout, 'end\n');
});

test.serial('--output FILE receives both streams of every step, in order', async (t) => {
  const harness = makeHarness(t);
  writeFileSync(harness.path('log'), 'old and longer than what comes\n'.repeat(99));
  const steps = ['--then', 'echo three; echo four >&2'];
  const ran = await harness.run(['--kmem', '4M', '--output', 'log', ...steps, ...sh('echo one; echo two >&2')]);
  t.is(ran.status, 0);
  t.is(ran.stdout, '');
  t.is(harness.read('log'), 'one\ntwo\nthree\nfour\n');
  t.regex(ran.stderr, /^kmem-run: passed/);
});

test.serial('--json - works with --output null and with --output FILE', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--output', 'null', '--json', '-', ...sh('echo one; echo two >&2')], { json: false });
  t.is(ran.status, 0);
  t.is(JSON.parse(ran.stdout).outcome, 'passed');
  t.regex(ran.stderr, /^kmem-run: passed/);
  const toFile = await harness.run(['--output', 'log', '--json', '-', ...sh('echo one')], { json: false });
  t.is(JSON.parse(toFile.stdout).outcome, 'passed');
  t.is(harness.read('log'), 'one\n');
});

test.serial('a stream read by an expectation still goes to its destination', async (t) => {
  const harness = makeHarness(t);
  const line = 'echo hello; echo oops >&2';
  for (const [expr, status] of [
    ['stdout~/^hel+o$/m', 0],
    ['stdout~/oops/', 122],
    ['stderr~/oops/', 0],
    ['stderr~/hello/', 122],
    ['stdout!~/oops/', 0],
  ] as const) {
    const ran = await harness.run(['--kmem', '4M', '--quiet', '--expect', expr, ...sh(line)]);
    t.is(ran.status, status, expr);
    t.deepEqual([ran.stdout, ran.stderr], ['hello\n', 'oops\n'], expr);
  }
  harness.assertNothingLeft();
});

test.serial('expectations also read steps, daemons and --output', async (t) => {
  const harness = makeHarness(t);
  const daemon = 'setsid sh -c "until test -e go; do sleep 0.05; done; echo late" & :';
  const options = ['--wait', 'empty', '--then', 'echo second; touch go', '--output', 'log'];
  const expectations = ['--expect', 'stdout~/first/', '--expect', 'stdout~/second/', '--expect', 'stdout~/late/'];
  const ran = await harness.run([...options, ...expectations, ...sh(`echo first; ${daemon}`)]);
  t.is(ran.status, 0, ran.stderr);
  t.is(harness.read('log'), 'first\nsecond\nlate\n');
});

test.serial('expectations read the start and end of a long stream; all of it is passed on', async (t) => {
  const harness = makeHarness(t);
  const expectations = [
    '--expect',
    'stdout~/^first$/m',
    '--expect',
    'stdout~/^last$/m',
    '--expect',
    'stdout!~/^mid$/m',
  ];
  const line = 'echo first; head -c 10000000 /dev/zero; echo; echo mid; head -c 10000000 /dev/zero; echo; echo last';
  const ran = await harness.run(['--kmem', '4M', ...expectations, ...sh(line)]);
  t.is(ran.status, 0, ran.stderr);
  t.is(ran.stdout.length, 20_000_000 + 'first\n\nmid\n\nlast\n'.length);
});

for (const closed of ['>&-', '2>&-', '<&-', '<&- >&- 2>&-']) {
  test.serial(`works with closed streams: ${closed}`, async (t) => {
    const harness = makeHarness(t);
    for (const expectation of [[], ['--expect', 'stdout~/ran/'], ['--expect', 'stderr!~/x/']]) {
      const args = ['--kmem', '4M', ...expectation, ...sh('echo ran; touch marker')];
      const ran = await harness.run(args, { under: redirected(closed) });
      t.is(ran.status, 0, ran.stderr);
      t.is(ran.stdout, closed.includes('>&-') && !closed.startsWith('2') ? '' : 'ran\n');
      t.is(ran.result?.outcome, 'passed');
    }
    t.true(harness.has('marker'));
    harness.assertNothingLeft();
  });
}

for (const [title, options] of [
  ['inherited', []],
  ['read by an expectation', ['--expect', 'stdout~/y/']],
] as const) {
  test.serial(`when its reader exits, the writer ends, as without kmem-run: ${title}`, async (t) => {
    const harness = makeHarness(t);
    const under = ['sh', '-c', '"$@" | head -1', 'sh'];
    const ran = await harness.run(['--kmem', '4M', ...options, '--', 'yes'], { under });
    t.is(ran.stdout, 'y\n');
    t.deepEqual(ran.result?.exit, { code: null, signal: 'SIGPIPE' });
    t.is(ran.result?.outcome, options.length === 0 ? 'signaled' : 'expectation');
    harness.assertNothingLeft();
  });
}
