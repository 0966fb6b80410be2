import test from 'ava';
import { timelineText } from '../../src/report/terminal/timeline.ts';
import { bin, type Harness, makeHarness } from '../harness.ts';

function sh(line: string) {
  return ['--', 'sh', '-c', line];
}

const ESCAPE = String.fromCharCode(27);

/** A run as a terminal shows it: stdout and stderr together. */
async function onTerminal(harness: Harness, options: string, env: Record<string, string> = {}): Promise<string> {
  const line = `${process.execPath} ${bin} ${options}`;
  const running = harness.startProgram(['script', '-qec', line, '/dev/null'], { env: { TERM: 'xterm', ...env } });
  return (await running.ended).stdout;
}

test.serial('colours are used only on terminals, and only if wanted', async (t) => {
  const harness = makeHarness(t);
  t.true((await onTerminal(harness, '--kmem 4M -- true')).includes(ESCAPE));
  t.false((await onTerminal(harness, '--kmem 4M -- true', { NO_COLOR: '1' })).includes(ESCAPE));
  t.false((await onTerminal(harness, '--kmem 4M --no-color -- true')).includes(ESCAPE));
  t.false((await harness.run(['--kmem', '4M', '--', 'true'])).stderr.includes(ESCAPE));
});

test.serial('a live line is shown only if the command does not use the terminal', async (t) => {
  const harness = makeHarness(t);
  const live = /kmem [0-9.]+ [KM]iB of 4 MiB ▕/;
  t.regex(await onTerminal(harness, '--kmem 4M --output null -- sleep 0.5'), live);
  t.notRegex(await onTerminal(harness, '--kmem 4M -- sleep 0.5'), live);
  t.notRegex(await onTerminal(harness, '--kmem 4M --quiet --output null -- sleep 0.5'), live);
});

test.serial('--quiet prints nothing, whatever happens to the program', async (t) => {
  const { run } = makeHarness(t);
  for (const line of ['exit 0', 'exit 3', 'kill -SEGV $$']) {
    const ran = await run(['--quiet', '--kmem', '4M', ...sh(line)]);
    t.deepEqual([ran.stdout, ran.stderr], ['', '']);
  }
});

test.serial('--quiet does not hide kmem-run’s own errors', async (t) => {
  const { run } = makeHarness(t);
  t.regex((await run(['--quiet', '--', 'kmem-run-absent'])).stderr, /^kmem-run: command not found/);
});

test.serial('the report starts with a sentence, then figures; --verbose adds more', async (t) => {
  const { run } = makeHarness(t);
  const { stderr } = await run(['--kmem', '4M', '--then', 'true', ...sh('exit 3')]);
  const [first = '', ...rows] = stderr.trimEnd().split('\n');
  t.regex(first, /^kmem-run: sh -c 'exit 3' failed with exit status 3/);
  for (const label of ['kmem', 'memory', 'enforcement', 'steps']) {
    t.true(
      rows.some((row) => row.startsWith(`  ${label} `)),
      label,
    );
  }
  const verbose = await run(['--verbose', '--kmem', '4M', '--then', 'true', ...sh('exit 3')]);
  t.true(verbose.stderr.split('\n').length > stderr.split('\n').length);
});

test.serial('--plot draws the samples and marks each failure', async (t) => {
  const { run } = makeHarness(t);
  const ran = await run(['--plot', '--kmem', '200K', '--then', 'true', ...sh('sleep 0.2 & sleep 0.2 & wait')]);
  const { result, stderr } = ran;
  if (result === null) return t.fail(stderr);
  t.true(stderr.endsWith(`\n\n${timelineText(result, { color: false, width: null })}`), stderr);
  t.true(result.failures.length > 0);
  t.regex(stderr, /\n {2}failures │ *[×2-9+]/);
  t.regex(stderr, /\n {4}step 1 │/);
  const quiet = await run(['--plot', '--quiet', '--kmem', '4M', ...sh('exit 0')]);
  t.is(quiet.stderr, '');
});

test.serial('--dry-run prints what would be run, with all defaults, and runs nothing', async (t) => {
  const harness = makeHarness(t);
  const args = ['--dry-run', '--kmem', '1000000', '--timeout', '1m', '--then', 'touch marker', '--', 'touch', 'marker'];
  const ran = await harness.run(args, { json: false });
  t.is(ran.status, 0);
  t.is(ran.stderr, '');
  const spec = JSON.parse(ran.stdout);
  t.like(spec, { command: ['touch', 'marker'], then: ['touch marker'], timeoutMs: 60_000, graceMs: 2000, aslr: false });
  t.is(spec.limits.kmem, 999_424);
  t.false(harness.has('marker'));
  harness.assertNothingLeft();
});

test.serial('--dry-run prints the same spec as the result of a run', async (t) => {
  const { run } = makeHarness(t);
  const args = ['--kmem', '2M', '--env', 'A=b', '--expect', 'failcnt==0', '--', 'true'];
  const dry = await run(['--dry-run', ...args], { json: false });
  const ran = await run(args);
  const { sources: _, ...spec } = JSON.parse(dry.stdout);
  t.deepEqual(spec, ran.result?.spec);
});

test.serial('--version and --help print to stdout and run nothing', async (t) => {
  const harness = makeHarness(t);
  const version = await harness.run(['--version'], { json: false });
  t.regex(version.stdout, /^\d+\.\d+\.\d+\n$/);
  const help = await harness.run(['--help'], { json: false });
  t.is(help.status, 0);
  for (const word of ['--kmem', '--expect', 'doctor', 'gc', 'schema']) t.true(help.stdout.includes(word), word);
  t.is(help.stderr, '');
});

test.serial('a program’s name cannot send escapes to the terminal', async (t) => {
  const { run } = makeHarness(t);
  const { stderr } = await run(['--', 'sh', '-c', `exit 3 # ${ESCAPE}[31m`]);
  t.false(stderr.includes(ESCAPE));
});
