import test from 'ava';
import { createStop } from '../../src/run/stop.ts';

test('the first cause is the one that counts: ending a run brings about others', async (t) => {
  const stop = createStop();
  t.is(stop.reason(), null);
  stop.end('walltime');
  stop.end('overrun');
  stop.interrupt('SIGTERM');
  t.is(stop.reason(), 'walltime');
  t.is(await stop.happened, 'walltime');
});

test('Ctrl-C ends a stay with a daemon, and no run; any other signal does', async (t) => {
  const stop = createStop();
  const left = stop.untilLeft();
  stop.interrupt('SIGINT');
  await left;
  t.is(stop.reason(), null);
  stop.interrupt('SIGTERM');
  t.is(stop.reason(), 'interrupted');
});

test('without a stay Ctrl-C interrupts; the second one is for the grace', (t) => {
  const stop = createStop();
  stop.interrupt('SIGINT');
  t.is(stop.reason(), 'interrupted');
  t.false(stop.mustKill());
  stop.kill();
  t.true(stop.mustKill());
});

test('a run that has come to its own end is ended by no signal and no time limit, but void without its gate', (t) => {
  const stop = createStop();
  stop.complete();
  stop.interrupt('SIGTERM');
  stop.end('walltime');
  t.is(stop.reason(), null);
  stop.end('gate-lost');
  t.is(stop.reason(), 'gate-lost');
});
