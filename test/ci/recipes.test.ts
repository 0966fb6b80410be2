/** The recipes of docs/guides/ci.md: the shell's as it stands there; the others are YAML, and kmem-run takes their lines. */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { validateResult } from '../../src/result/validate.ts';
import { bin, makeHarness } from '../harness.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'guides', 'ci.md'), 'utf8');
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

/** All texts in it, however deep. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);

test('what is YAML can be read as such', (t) => {
  t.is(blocks.length, 5);
  for (const block of blocks) {
    const value: unknown = parse(block, { strict: true });
    const steps = Array.isArray(value) ? value : Object.values(value as Record<string, unknown>);
    t.true(steps.length > 0 && textsIn(value).some((text) => text.includes('npx kmem-run ')), block);
  }
});

test('each line that runs kmem-run is one that it takes', async (t) => {
  const lines = blocks
    .flatMap((block) => textsIn(parse(block)))
    .flatMap((line) => line.split('||'))
    .flatMap((line) => /npx kmem-run (.*)$/.exec(line.trim())?.[1] ?? []);
  const runs = lines.filter((line) => line.includes(' -- '));
  t.true(runs.length >= 3, lines.join('\n'));
  for (const line of runs) {
    const { startProgram } = makeHarness(t);
    const words = ['sh', '-c', `exec "$0" "$1" --dry-run ${line}`, process.execPath, bin];
    const { status, stderr } = await startProgram(words, { env: { USER: 'nobody' } }).ended;
    t.is(status, 0, `${line}\n${stderr}`);
  }
  const others = lines.filter((line) => !line.includes(' -- ')).map((line) => line.split(' ').slice(0, 2).join(' '));
  t.deepEqual([...new Set(others)].toSorted(), ['doctor', 'kernel add', 'kernel verify', 'scenario run']);
});
