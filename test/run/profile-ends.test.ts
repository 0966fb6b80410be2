/** What `--profile` leaves behind, whom it observes, and who may use it. */

import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { assertRefused, makeHarness } from '../harness.ts';
import { canActAsOthers, where } from '../needs.ts';
import { objectsAtPeak, profileIn, whyNoProfile } from './profile-runs.ts';
import { programsLeft, programsOfOurs } from './programs-left.ts';

const test = where(whyNoProfile === null, `programs of --profile (${whyNoProfile})`, anyTest.serial);
const asRoot = where(canActAsOthers, 'root', anyTest.serial);
const kinds = compileFixture('kinds');

test('two runs at once each record only their own sockets', async (t) => {
  const counts = [300, 500];
  const harness = makeHarness(t);
  const runs = counts.map((count) =>
    harness.run(['--profile', '--quiet', '--', 'sh', '-c', `${kinds} socket ${count}; sleep 0.5`]),
  );
  const profiles = (await Promise.all(runs)).map(({ result }) => profileIn(result));
  t.deepEqual(
    profiles.map((profile) => objectsAtPeak(profile, 'socket')),
    counts.map((count) => [count]),
  );
  t.deepEqual(await programsLeft(), []);
  harness.assertNothingLeft();
});

test('nothing stays attached if the runner is killed', async (t) => {
  const harness = makeHarness(t);
  const running = harness.start(['--profile', '--quiet', '--', 'sh', '-c', 'touch ready; sleep 60']);
  while (!harness.has('ready')) await sleep(5);
  t.true(programsOfOurs().some((line) => line.includes('kmem_kfree')));
  process.kill(running.pid, 'SIGKILL');
  await running.ended;
  t.deepEqual(await harness.processesLeft(10_000), []);
  t.deepEqual(await programsLeft(), []);
  await harness.run(['--', 'true']);
  harness.assertNothingLeft();
});

asRoot('without the capabilities for BPF there is no profile', async (t) => {
  const harness = makeHarness(t);
  const dropped = '-sys_admin,-bpf,-perfmon';
  const under = ['setpriv', `--bounding-set=${dropped}`, `--inh-caps=${dropped}`, '--'];
  const ran = await harness.run(['--profile', '--', 'true'], { under });
  t.is(ran.status, 125);
  assertRefused(t, ran, /--profile/);
  t.is(ran.result?.error?.code, 'no-profile');
});
