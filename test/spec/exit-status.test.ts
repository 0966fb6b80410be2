import { spawnSync } from 'node:child_process';
import test from 'ava';
import { exitStatus, signalNumber } from '../../src/spec/exit-status.ts';

test('the status is what a shell says of the same end', (t) => {
  for (const script of ['exit 0', 'exit 3', 'kill -SEGV $$', 'kill -TERM $$', 'kill -KILL $$']) {
    const { status, signal } = spawnSync('sh', ['-c', script]);
    const shell = spawnSync('sh', ['-c', `sh -c '${script}'; echo $?`], { encoding: 'utf8' });
    t.is(exitStatus({ code: status, signal }), Number(shell.stdout), script);
  }
});

test('an end that was not seen has no status', (t) => {
  t.is(exitStatus({ code: null, signal: null }), null);
  t.is(exitStatus({ code: null, signal: 'SIGNONE' }), null);
  t.is(exitStatus({ code: null, signal: 'toString' }), null);
});

test('real-time signals count from 34', (t) => {
  t.deepEqual(['SIGRTMIN', 'SIGRTMIN+3', 'SIGHUP'].map(signalNumber), [34, 37, 1]);
});
