/**
 * What the tests of runs and of the gate assert on v1 also holds on cgroup v2: in microVMs that have nothing else. Here
 * only the tests for which the version matters most; in a soak all of them, file by file, until its budget is used up.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { version } from '../cgroup/sandbox.ts';
import { soak, timeBudget } from '../needs.ts';
import { type Inside, passInside } from './v2-guest.ts';

const root = join(import.meta.dirname, '..', '..');
const FOLDERS = ['cgroup', 'run', 'gate'];
const hasTime = timeBudget(1 / 3);

/** On 6.1, which adds up some counters differently: v2-fresh.test.ts. */
const chosen: Inside = {
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
};

const test = anyTest.serial;
if (version === 1 && soak.isOn) {
  for (const kernel of ['6.12', '6.1'])
    for (const file of allFiles())
      test(`${file} on cgroup v2, Linux ${kernel}, in a microVM`, async (t) => {
        if (hasTime(t)) await passInside(t, { kernel, files: [file], timeoutMs: 2 * 3_600_000 });
      });
} else if (version === 1) {
  test(`on cgroup v2, Linux ${chosen.kernel}, in a microVM`, (t) => passInside(t, chosen));
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
