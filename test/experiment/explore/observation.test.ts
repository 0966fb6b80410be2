/** Reading a folder that somebody may still change. */

import { execFileSync } from 'node:child_process';
import fs, { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readFolder } from '../../../src/experiment/explore/observation.ts';

test.serial('a file that is replaced by a link or a FIFO, or removed, before reading is not read', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-observation-'));
  const { readdirSync } = fs;
  t.teardown(() => {
    Object.assign(fs, { readdirSync });
    syncBuiltinESMExports();
    rmSync(folder, { recursive: true });
  });
  const path = (name: string): string => join(folder, name);
  for (const name of ['fifo', 'gone', 'link', 'same']) writeFileSync(path(name), name);
  const exchanging = (...words: Parameters<typeof readdirSync>): unknown => {
    const entries = readdirSync(...words);
    for (const name of ['fifo', 'gone', 'link']) unlinkSync(path(name));
    execFileSync('mkfifo', [path('fifo')]);
    symlinkSync(path('same'), path('link'));
    return entries;
  };
  Object.assign(fs, { readdirSync: exchanging });
  syncBuiltinESMExports();
  const files = readFolder({ folder, ports: [], startedAtMs: 0 });
  t.deepEqual(
    [...files].map(([name, { kind }]) => [name, kind]),
    [
      ['fifo', 'other'],
      ['link', 'other'],
      ['same', 'file'],
    ],
  );
});
