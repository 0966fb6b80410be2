import { spawnSync } from 'node:child_process';
import test from 'ava';
import { exitStatus, signalName, signalNumber } from '../../src/host/exit-status.ts';

test('the status is the one a shell reports for the same end', (t) => {
  for (const script of ['exit 0', 'exit 3', 'kill -SEGV $$', 'kill -TERM $$', 'kill -KILL $$']) {
    const { status, signal } = spawnSync('sh', ['-c', script]);
    const shell = spawnSync('sh', ['-c', `sh -c '${script}'; echo $?`], { encoding: 'utf8' });
    t.is(exitStatus({ code: status, signal }), Number(shell.stdout), script);
  }
});

test('an end that was not observed has no status', (t) => {
  t.is(exitStatus({ code: null, signal: null }), null);
  t.is(exitStatus({ code: null, signal: 'SIGNONE' }), null);
  t.is(exitStatus({ code: null, signal: 'toString' }), null);
});

test('every signal has a name, and every name its signal', (t) => {
  for (let number = 1; number <= 64; number += 1) t.is(signalNumber(signalName(number)), number);
  t.deepEqual([9, 32, 34, 40, 64].map(signalName), ['SIGKILL', 'SIG32', 'SIGRTMIN', 'SIGRTMIN+6', 'SIGRTMIN+30']);
});

test('real-time signals count from 34', (t) => {
  t.deepEqual(['SIGRTMIN', 'SIGRTMIN+3', 'SIGHUP'].map(signalNumber), [34, 37, 1]);
});
