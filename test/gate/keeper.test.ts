/** The process that keeps BPF programs, here another program in its place. */

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { makeHarness } from '../harness.ts';

const MODULE = join(import.meta.dirname, '..', '..', 'src', 'gate', 'keeper.ts');

test('its end is awaited, even if its output stays open for longer than it lives', async (t) => {
  const helper = makeHarness(t).path('helper');
  writeFileSync(helper, '#!/bin/sh\nsleep 0.5 &\nexec cat\n');
  chmodSync(helper, 0o755);
  const program = `
    import { allowKeeper, endKeeper, keepAttached } from ${JSON.stringify(MODULE)};
    import { setTimeout as sleep } from 'node:timers/promises';
    process.exitCode = 9;
    allowKeeper({ lending: false });
    for (const mode of ['gate', 'gate']) keepAttached(${JSON.stringify(helper)}, mode);
    await sleep(200);
    await endKeeper();
    process.exitCode = 0;`;
  const { exitCode, stderr } = await execa(process.execPath, ['--input-type=module', '-e', program], { reject: false });
  t.is(exitCode, 0, stderr);
});
