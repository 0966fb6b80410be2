import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { version } from '../cgroup/sandbox.ts';
import { assertRefused, type Harness, makeHarness } from '../harness.ts';

const MARK = ['--', 'touch', 'marker'];

type Refusal = readonly [title: string, args: readonly string[], reason: RegExp];

/** Rejected before a spec exists: no result can be written. */
const unreadable: readonly Refusal[] = [
  ['a limit of 0', ['--kmem', '0', ...MARK], /--kmem: "0" is below one page/],
  ['a negative limit', ['--kmem', '-1', ...MARK], /--kmem: "-1" is not a size/],
  ['letters after a size', ['--kmem', '1xx', ...MARK], /--kmem: "1xx" is not a size/],
  ['a part of a byte', ['--kmem', '1.5', ...MARK], /--kmem: "1\.5" is not a whole number of bytes/],
  ['more than can be told exactly', ['--kmem', '99999999999999999999', ...MARK], /"99999999999999999999" is more than/],
  ['less than a page', ['--kmem', '4095', ...MARK], /"4095" is below one page/],
  ['no value', ['--kmem', '--quiet', ...MARK], /--kmem requires a value/],
  ['no --', ['--kmem', '1M'], /-- is missing before the command/],
  ['no command', ['--kmem', '1M', '--'], /missing command after --/],
  ['a word before --', ['touch', 'marker', ...MARK], /unknown command: "touch"/],
  ['an unknown option', ['--kmm', '1M', ...MARK], /unknown option "--kmm"/],
  ['an option of one dash', ['-kmem', '1M', ...MARK], /unknown option "-kmem"/],
  ['an option twice', ['--kmem', '1M', '--kmem', '2M', ...MARK], /--kmem is given more than once/],
  ['the same option twice, alike', ['--kmem', '1M', '--kmem=1M', ...MARK], /--kmem is given more than once/],
  ['an expectation that does not parse', ['--expect', 'exit=0', ...MARK], /expectation "exit=0"/],
  ['an expectation of nothing known', ['--expect', 'kmem.peak<1M', ...MARK], /expectation "kmem\.peak<1M"/],
  ['an expectation of a step too many', ['--expect', 'steps[1].exit==0', ...MARK], /there is no step 1/],
  ['a broken pattern', ['--expect', 'stderr~/(/', ...MARK], /expectation "stderr~\/\(\/"/],
  ['a folder that is absent', ['--cwd', '/absent', ...MARK], /--cwd: "\/absent" .* does not exist/],
  ['a folder that is a file', ['--cwd', '/etc/passwd', ...MARK], /--cwd: "\/etc\/passwd" .* not a folder/],
  ['a CPU that is absent', ['--cpus', '4096', ...MARK], /--cpus: CPU 4096 is not online/],
  ['no list of CPUs', ['--cpus', 'x', ...MARK], /--cpus: "x" is not a list of CPUs/],
  ['processes that are no number', ['--pids', '1.5', ...MARK], /--pids: "1\.5" is not a number of processes/],
  ['memsw without mem', ['--memsw', '1M', ...MARK], /--memsw requires --mem:/],
  ['memsw below mem', ['--mem', '2M', '--memsw', '1M', ...MARK], /--memsw .* is below --mem/],
  ['no duration', ['--timeout', 'soon', ...MARK], /--timeout: "soon"/],
  ['a timeout of nothing', ['--timeout', '0', ...MARK], /--timeout: "0" is too short/],
  ['an unknown choice', ['--enforce', 'gat', ...MARK], /--enforce: "gat" is not one of/],
  [
    'a variable that is not set',
    ['--env', 'KMEM_RUN_ABSENT', ...MARK],
    /"KMEM_RUN_ABSENT" cannot be copied: it is not set/,
  ],
  ['JSON where the command writes', ['--json', '-', ...MARK], /--json -: the command uses stdout/],
  ['JSON into a missing folder', ['--json', '/absent/result.json', ...MARK], /--json: no such folder: "\/absent"/],
  ['JSON into a folder', ['--json', '/tmp', ...MARK], /--json: "\/tmp" is a folder/],
  ['output into a missing folder', ['--output', '/absent/out', ...MARK], /no such folder: "\/absent"/],
  ['a misspelt command of ours', ['doctr'], /unknown command: "doctr"/],
];

for (const [title, args, reason] of unreadable) {
  test.serial(`rejected, and nothing runs: ${title}`, async (t) => {
    const harness = makeHarness(t);
    const ran = await harness.run(args, { json: false });
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
    assertUntouched(harness);
  });
}

/** Errors that are not about a run's options, or are about --json itself. */
const WITHOUT_RESULT = ['a word before --', 'a misspelt command of ours', 'JSON where', 'JSON into'];

test.serial('wrong options: the --json result says why', async (t) => {
  const harness = makeHarness(t);
  for (const [title, args, reason] of unreadable) {
    if (WITHOUT_RESULT.some((start) => title.startsWith(start))) continue;
    const ran = await harness.run(args);
    t.is(ran.status, 125, title);
    t.like(ran.result, { outcome: 'setup-error', steps: [] }, title);
    t.regex(ran.result?.error?.message ?? '', reason, title);
  }
  const twice = await harness.run(['--kmem', 'x', '--output', 'null', '--json=-', ...MARK], { json: false });
  t.is(JSON.parse(twice.stdout).error.code, 'bad-size');
  t.false(harness.has('marker'));
  harness.assertNothingLeft();
});

/** The spec could be read: a result exists and reports why it has nothing else. */
const refused: readonly (readonly [...Refusal, status: number, code: string])[] = [
  [
    'a command that is absent',
    ['--', 'kmem-run-absent'],
    /command not found: kmem-run-absent/,
    127,
    'command-not-found',
  ],
  ['a path that is absent', ['--', './absent'], /command not found: \.\/absent/, 127, 'command-not-found'],
  [
    'a file that is not executable',
    ['--', './plain'],
    /cannot execute \.\/plain: permission denied/,
    126,
    'not-executable',
  ],
  ['a folder as command', ['--', './folder'], /cannot execute \.\/folder: it is a directory/, 126, 'not-executable'],
  ['a missing interpreter', ['--', './orphan'], /command not found: \.\/orphan/, 127, 'command-not-found'],
  ['an unknown user', ['--user', 'kmem-run-nobody', ...MARK], /no such user: kmem-run-nobody/, 125, 'unknown-user'],
  ['a folder closed to the user', ['--user', 'nobody', '--cwd', '/root', ...MARK], /working directory/, 125, 'bad-cwd'],
  [
    'a parent that is no cgroup',
    ['--parent', '/tmp', ...MARK],
    /\/tmp is not in a cgroup file system/,
    125,
    'bad-parent',
  ],
  [
    'a parent that is absent',
    ['--parent', '/absent', ...MARK],
    /\/absent cannot be used \(ENOENT\)/,
    125,
    'bad-parent',
  ],
  ['a relative parent', ['--parent', 'group', ...MARK], /not an absolute path/, 125, 'bad-parent'],
  ['a kernel to boot', ['--kernel', 'debian-11', ...MARK], /unknown kernel: "debian-11"/, 125, 'no-such-kernel'],
  [
    'the other cgroup version',
    ['--cgroup', `v${3 - version}`, ...MARK],
    new RegExp(`cgroup v${version}`),
    125,
    'no-such-cgroup',
  ],
];

for (const [title, args, reason, status, code] of refused) {
  for (const limit of [[], ['--kmem', '1M']]) {
    test.serial(`rejected, with a result${limit.length ? ', under a limit' : ''}: ${title}`, async (t) => {
      const harness = makeHarness(t);
      writeFileSync(harness.path('plain'), '#!/bin/sh\ntouch marker\n', { mode: 0o644 });
      writeFileSync(harness.path('orphan'), '#!/absent/sh\ntouch marker\n', { mode: 0o755 });
      mkdirSync(harness.path('folder'));
      const ran = await harness.run([...limit, ...args]);
      t.is(ran.status, status);
      assertRefused(t, ran, reason);
      t.is(ran.result?.outcome, 'setup-error');
      t.is(ran.result?.error?.code, code);
      t.deepEqual(ran.result?.steps, []);
      t.is(ran.stderr, `kmem-run: ${ran.result?.error?.message}\n  hint: ${ran.result?.error?.hint}\n`);
      assertUntouched(harness);
    });
  }
}

test.serial('misspelt options and choices get a suggestion', async (t) => {
  const harness = makeHarness(t);
  for (const [args, hint] of [
    [['--kmm', '1M', ...MARK], '--kmem'],
    [['--tiemout', '1s', ...MARK], '--timeout'],
    [['--enforce', 'gat', ...MARK], 'gate'],
    [['doctr'], 'doctor'],
  ] as const) {
    const { stderr } = await harness.run(args, { json: false });
    t.regex(stderr, new RegExp(`\n  hint: did you mean ${hint}\\?`));
  }
  assertUntouched(harness);
});

test.serial('a limit of one page gives a result: the command was denied memory to start', async (t) => {
  const harness = makeHarness(t);
  const { status, result } = await harness.run(['--kmem', '4096', ...MARK]);
  t.is(status, 126);
  t.is(result?.outcome, 'failed');
  t.is(result?.error, null);
  t.is(result?.limits.kmem, 4096);
  t.deepEqual(result?.steps[0]?.exit, { code: 126, signal: null });
  t.is(result?.kmem.failcnt, 1);
  t.is(result?.failures.length, 1);
  t.like(result?.failures[0], { atMs: 0, syscall: 'clone3', errno: 'ENOMEM', step: 0 });
  t.deepEqual(result?.leftover, []);
  assertUntouched(harness);
});

test.serial('a limit with room to fork but not to exec gives a result', async (t) => {
  const harness = makeHarness(t);
  const { status, result } = await harness.run(['--kmem', '100K', ...MARK]);
  t.is(status, 126);
  t.is(result?.outcome, 'failed');
  t.is(result?.failures.length, 1);
  t.like(result?.failures[0], { syscall: 'execve', errno: 'ENOMEM', step: 0 });
  t.regex(result?.failures[0]?.detail ?? '', /\/touch$/);
  t.deepEqual(result?.leftover, []);
  assertUntouched(harness);
});

test.serial('a file runs once it is executable', async (t) => {
  const harness = makeHarness(t);
  writeFileSync(harness.path('script'), 'touch marker\n');
  t.is((await harness.run(['--', './script'])).status, 126);
  chmodSync(harness.path('script'), 0o755);
  // Without #!: run by sh, as execvp(3) does.
  t.is((await harness.run(['--', './script'])).status, 0);
  t.true(harness.has('marker'));
  harness.assertNothingLeft();
});

function assertUntouched(harness: Harness): void {
  if (harness.has('marker')) throw new Error('the command ran');
  harness.assertNothingLeft();
}
