/** What the tests of runs say on v1 holds on cgroup v2: some of them, where the version could matter, in a microVM. */

import test from 'ava';
import { version } from '../cgroup/sandbox.ts';
import { passInside } from './v2-guest.ts';

const files = ['steps', 'options', 'main-job'].map((name) => `test/run/${name}.test.ts`);
const match = [
  'steps run in*',
  '--hold keeps*',
  '--parent*',
  '--pids*',
  'start, page and stop*',
  'under a tight limit*',
];

if (version === 1)
  test('steps, parents and Apache on cgroup v2, in a microVM', (t) => passInside(t, { kernel: '6.12', files, match }));
