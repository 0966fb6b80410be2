/** Crashes of processes whose parents do not report them. */

import test from 'ava';
import { makeHarness } from '../harness.ts';

function watched(file: string) {
  return ['--trace-gate', file, '--output', 'null'];
}

test('a crash is reported even if the parent hides it, detaches the child or never waits', async (t) => {
  const { run, path, assertNothingLeft } = makeHarness(t);
  // Followed by true(1): a shell would otherwise exec the last command.
  const crash = (signal: string) => `sh -c 'kill -${signal} $$; true'`;
  const line = `${crash('SEGV')}; (${crash('ABRT')} &) ; ${crash('BUS')} & sleep 0.3; ${crash('TERM')}; exit 0`;
  const { status, result, stderr } = await run([...watched(path('calls')), '--', 'sh', '-c', line]);
  t.is(status, 0, stderr);
  const crashes = result?.crashes ?? [];
  t.deepEqual(crashes.map(({ comm, signal, step }) => `${comm} ${signal} ${step}`).toSorted(), [
    'sh SIGABRT 0',
    'sh SIGBUS 0',
    'sh SIGSEGV 0',
  ]);
  t.is(new Set(crashes.map(({ pid }) => pid)).size, 3);
  t.true(crashes.every(({ atMs }) => atMs > 0 && atMs < (result?.durations.wallMs ?? 0) + 60_000));
  t.regex(stderr, /^ {2}crashed +sh \(\d+\) died of SIG(SEGV|ABRT|BUS) in step 0$/m);
  assertNothingLeft();
});

test('a crash of the command is reported', async (t) => {
  const { run, path } = makeHarness(t);
  const { status, result } = await run([...watched(path('calls')), '--', 'sh', '-c', 'kill -SEGV $$']);
  t.is(status, 139);
  t.deepEqual(
    result?.crashes?.map(({ comm, signal }) => [comm, signal]),
    [['sh', 'SIGSEGV']],
  );
});

test('without addresses nothing is watched, which is not the same as no crash', async (t) => {
  const { run, path } = makeHarness(t);
  t.is((await run(['--kmem', '4M', '--', 'true'])).result?.crashes, null);
  t.is((await run(['--', 'true'])).result?.crashes, null);
  t.deepEqual((await run([...watched(path('calls')), '--', 'true'])).result?.crashes, []);
  t.deepEqual((await run(['--fail', '0/9999:mmap', '--', 'true'])).result?.crashes, []);
});

test('with more processes than are watched, crashes of the first ones are still seen', async (t) => {
  const { run, path } = makeHarness(t);
  const line =
    'sh -c "kill -SEGV \\$\\$; true" ; i=0; while [ $i -lt 300 ]; do sleep 2 & i=$((i+1)); done; wait; exit 0';
  const { status, result, stderr } = await run(['--trace-gate', path('calls'), '--', 'sh', '-c', line]);
  t.is(status, 0, stderr);
  t.deepEqual(
    result?.crashes?.map(({ signal }) => signal),
    ['SIGSEGV'],
  );
});
