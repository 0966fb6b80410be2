import test from 'ava';
import { createStop } from '../../src/run/stop.ts';

test('only the first cause counts, since ending a run causes others', async (t) => {
  const stop = createStop();
  t.is(stop.reason(), null);
  stop.end('walltime');
  stop.end('overrun');
  stop.interrupt('SIGTERM');
  t.is(stop.reason(), 'walltime');
  t.is(await stop.happened, 'walltime');
});

test('Ctrl-C ends the stay with a daemon; any other signal interrupts the run', async (t) => {
  const stop = createStop();
  const left = stop.untilLeft();
  stop.interrupt('SIGINT');
  await left;
  t.is(stop.reason(), null);
  stop.interrupt('SIGTERM');
  t.is(stop.reason(), 'interrupted');
});

test('without a stay, Ctrl-C interrupts; a second one ends the grace period', (t) => {
  const stop = createStop();
  stop.interrupt('SIGINT');
  t.is(stop.reason(), 'interrupted');
  t.false(stop.mustKill());
  stop.kill();
  t.true(stop.mustKill());
});

test('a completed run is not ended by a signal or a time limit, but is void if it loses its gate', (t) => {
  const stop = createStop();
  stop.complete();
  stop.interrupt('SIGTERM');
  stop.end('walltime');
  t.is(stop.reason(), null);
  stop.end('gate-lost');
  t.is(stop.reason(), 'gate-lost');
});
