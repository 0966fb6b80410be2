/**
 * What the tests of runs and of the gate say on v1 holds on cgroup v2: in microVMs that have nothing else. Here those tests
 * for which the version matters most; in a soak all of them, file by file, for as long as its budget lasts.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { version } from '../cgroup/sandbox.ts';
import { hasTime, soak } from '../needs.ts';
import { type Inside, passInside } from './v2-guest.ts';

const root = join(import.meta.dirname, '..', '..');
const FOLDERS = ['cgroup', 'run', 'gate'];
const began = performance.now();

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
    files: ['vm/v2-cgroup', 'run/oom-time'].map(fileOf),
    match: ['the cgroup of the runner*', 'failures of memory*', 'sockets are*', '--parent that*', 'the first kill*'],
  },
];

const test = anyTest.serial;
if (version === 1 && soak.isOn) {
  for (const kernel of ['6.12', '6.1'])
    for (const file of allFiles())
      test(`${file} on cgroup v2, Linux ${kernel}, in a microVM`, async (t) => {
        if (hasTime(t, 1 / 3, began)) await passInside(t, { kernel, files: [file], timeoutMs: 2 * 3_600_000 });
      });
} else if (version === 1) {
  for (const inside of chosen) test(`on cgroup v2, Linux ${inside.kernel}, in a microVM`, (t) => passInside(t, inside));
}

function allFiles(): string[] {
  const files = FOLDERS.flatMap((folder) => {
    const names = readdirSync(join(root, 'test', folder)).filter((name) => name.endsWith('.test.ts'));
    return names.map((name) => `test/${folder}/${name}`);
  });
  return [...files, fileOf('vm/v2-cgroup')];
}

function fileOf(name: string): string {
  return `test/${name}.test.ts`;
}
