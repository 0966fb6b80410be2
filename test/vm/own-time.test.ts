import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import { startOwnTime } from '../../src/vm/own-time.ts';
import { needs } from '../needs.ts';

const test = anyTest.serial;

test('time spent waiting for a CPU does not count as own time', async (t) => {
  if (!needs(t, existsSync('/proc/self/schedstat'), 'schedstat in /proc (CONFIG_SCHED_INFO)')) return;
  const spin = () => spawn('taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' });
  const spinners = [spin(), spin(), spin()];
  t.teardown(() => {
    for (const spinner of spinners) spinner.kill('SIGKILL');
  });
  await sleep(300);
  const began = performance.now();
  const own = startOwnTime(spinners[0]?.pid ?? 0);
  own();
  for (let i = 0; i < 20; i += 1) {
    await sleep(100);
    own();
  }
  const wall = performance.now() - began;
  t.log(`${Math.round(own())} ms of ${Math.round(wall)}`);
  t.true(own() < wall * 0.7);
});

test('time spent sleeping counts', async (t) => {
  const sleeper = spawn('sleep', ['1000'], { stdio: 'ignore' });
  t.teardown(() => sleeper.kill('SIGKILL'));
  await sleep(200);
  const own = startOwnTime(sleeper.pid ?? 0);
  for (let i = 0; i < 5; i += 1) {
    await sleep(100);
    own();
  }
  t.true(own() > 400);
});

test('a long gap between readings means that the machine slept', async (t) => {
  const own = startOwnTime(process.pid);
  await sleep(2500);
  t.true(own() <= 1000);
});

test('a process that is gone has no waiting time', async (t) => {
  const gone = spawn('true');
  await new Promise((resolve) => gone.once('close', resolve));
  const own = startOwnTime(gone.pid ?? 0);
  await sleep(50);
  t.true(own() >= 40);
});
