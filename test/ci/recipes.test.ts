/** The shell recipe of docs/ci.md, as it stands there. */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { validateResult } from '../../src/result/validate.ts';
import { bin, makeHarness } from '../harness.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'ci.md'), 'utf8');
const script = page.split('`kernel-memory.sh`\n\n```sh\n')[1]?.split('```')[0] ?? '';

test('within its budget: 0; beyond: 122, and the call is in the file', async (t) => {
  const harness = makeHarness(t);
  mkdirSync(harness.path('node_modules/.bin'), { recursive: true });
  symlinkSync(bin, harness.path('node_modules/.bin/kmem-run'));
  writeFileSync(harness.path('package.json'), '{ "private": true }');
  writeFileSync(harness.path('kernel-memory.sh'), script);
  const env = { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, HOME: harness.folder };
  const words = ['sh', 'kernel-memory.sh', 'sh', '-c', 'true & wait'];
  const ask = (KMEM: string) => harness.startProgram(words, { env: { ...env, KMEM } }).ended;

  const within = await ask('4M');
  t.is(within.status, 0, within.stderr);

  const beyond = await ask('120K');
  t.is(beyond.status, 122, beyond.stderr);
  const { failures } = validateResult(JSON.parse(harness.read('kmem.json')));
  t.is(failures[0]?.errno, 'ENOMEM');
});
