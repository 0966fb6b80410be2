/** The exports as speedscope reads them: its own page in headless Chromium, and the file that it saves. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Browser } from 'playwright-core';
import { foldedStacks } from '../../../src/report/profile/folded.ts';
import { pprofProfile } from '../../../src/report/profile/pprof.ts';
import { profile } from '../../fixtures/profiles.ts';
import { needs } from '../../needs.ts';
import { makeFolder } from '../../store/folder.ts';
import { EXECUTABLE_PATH, launch } from '../html/browser.ts';

const KiB = 1024;
/** Bytes of the fixture's rows at the peak. */
const LIVE = 633 * KiB;
const page = join(
  dirname(createRequire(import.meta.url).resolve('speedscope/package.json')),
  ...['dist', 'release', 'index.html'],
);

type Saved = {
  shared: { frames: { name: string; file?: string }[] };
  profiles: {
    unit: string;
    endValue: number;
    events: { type: 'O' | 'C'; frame: number; at: number }[];
  }[];
};

/** What speedscope makes of the file; rejects if it cannot read it. */
async function readBySpeedscope(browser: Browser, file: string): Promise<Saved> {
  const opened = await browser.newPage();
  await opened.goto(`file://${page}`);
  const imported = opened.waitForEvent('console', {
    predicate: (message) => message.text().startsWith('import: '),
    timeout: 20_000,
  });
  await opened.setInputFiles('#file', file);
  await imported;
  await opened.waitForFunction('document.title !== "speedscope"', undefined, { timeout: 20_000 });
  const download = opened.waitForEvent('download', { timeout: 20_000 });
  await opened.keyboard.press('Control+s');
  return JSON.parse(readFileSync(await (await download).path(), 'utf8'));
}

/** Stack, outermost first, to its value. */
function stacksOf({ shared, profiles }: Saved): Record<string, number> {
  const [name, sums] = [(frame: number) => shared.frames[frame]?.name ?? '?', new Map<string, number>()];
  const open: number[] = [];
  let from = 0;
  for (const { type, frame, at } of profiles[0]?.events ?? []) {
    const stack = open.map(name).join(';');
    if (at > from) sums.set(stack, (sums.get(stack) ?? 0) + at - from);
    from = at;
    if (type === 'O') open.push(frame);
    else open.pop();
  }
  return Object.fromEntries(sums);
}

test.serial('folded stacks', async (t) => {
  if (!needs(t, existsSync(EXECUTABLE_PATH), 'chromium')) return;
  const saved = await read(t, 'kmem.folded', foldedStacks([profile()], 'peak'));
  const stacks = stacksOf(saved);
  t.is(Object.keys(stacks).length, 8);
  t.is(stacks['apache2;apache2+0x421f0;[clone];kernel stack'], 128 * KiB);
  t.is(
    stacks[
      'apache2;apache2+0x421f0;listener_thread;accept4;[accept4];__sys_accept4_[k];sock_alloc_inode_[k];socket inode'
    ],
    300 * KiB,
  );
  t.is(saved.profiles[0]?.endValue, LIVE);
});

test.serial('pprof', async (t) => {
  if (!needs(t, existsSync(EXECUTABLE_PATH), 'chromium')) return;
  const saved = await read(t, 'kmem.pb.gz', await pprofProfile([profile()], 'peak'));
  const stacks = stacksOf(saved);
  t.is(stacks['apache2+0x421f0;[clone];kernel stack'], 128 * KiB);
  t.is(
    stacks['apache2+0x421f0;listener_thread;accept4;[accept4];__sys_accept4;sock_alloc_inode;socket inode'],
    300 * KiB,
  );
  // The default of the two sample types.
  t.like(saved.profiles[0], { unit: 'bytes', endValue: LIVE });
  t.like(
    saved.shared.frames.find(({ name }) => name === 'listener_thread'),
    { file: '/usr/lib/apache2/modules/mod_mpm_event.so' },
  );
});

async function read(t: ExecutionContext, name: string, text: string | Uint8Array): Promise<Saved> {
  const file = join(makeFolder(t), name);
  writeFileSync(file, text);
  const browser = await launch();
  try {
    return await readBySpeedscope(browser, file);
  } finally {
    await browser.close();
  }
}
