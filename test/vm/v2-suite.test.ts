/**
 * What the tests of runs and of the gate say on v1 holds on cgroup v2: in microVMs that have nothing else. Here those tests
 * for which the version matters most; with KMEM_RUN_V2=all (`npm run test:v2`) all of them, which takes hours.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { version } from '../cgroup/sandbox.ts';
import { type Inside, passInside } from './v2-guest.ts';

const root = join(import.meta.dirname, '..', '..');
const FOLDERS = ['cgroup', 'launch', 'observe', 'run', 'gate'];

const chosen: readonly Inside[] = [
  {
    kernel: '6.12',
    files: ['run/steps', 'run/options', 'run/not-enforceable', 'gate/bypass'].map(fileOf),
    match: [
      'steps run in*',
      '--hold keeps*',
      '--parent*',
      '--pids counts*',
      'an out-of-memory kill*',
      'a read-only cgroup*',
      'under an ancestor*',
      'a program that moves itself*',
    ],
  },
  {
    kernel: '6.1',
    files: ['vm/v2-cgroup', 'observe/oom-time'].map(fileOf),
    match: ['the cgroup of the runner*', 'failures of memory*', 'sockets are*', '--parent that*', 'the first kill*'],
  },
];

const test = anyTest.serial;
if (version === 1) {
  const all = process.env.KMEM_RUN_V2 === 'all';
  for (const inside of all ? ['6.12', '6.1'].map(everything) : chosen)
    test(`on cgroup v2, Linux ${inside.kernel}, in a microVM`, (t) => passInside(t, inside));
}

function everything(kernel: string): Inside {
  const files = FOLDERS.flatMap((folder) => {
    const names = readdirSync(join(root, 'test', folder)).filter((name) => name.endsWith('.test.ts'));
    return names.map((name) => `test/${folder}/${name}`);
  });
  return { kernel, files: [...files, fileOf('vm/v2-cgroup')], patienceMs: 4 * 3_600_000 };
}

function fileOf(name: string): string {
  return `test/${name}.test.ts`;
}
