/**
 * The recipes in docs/guides/ci.md: the shell recipe as printed there; the others are YAML, and kmem-run accepts their
 * lines.
 */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { bin, makeHarness } from '../harness.ts';
import { validateResult } from '../validate-result.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'guides', 'ci.md'), 'utf8');
const script = page.split('`kernel-memory.sh`\n\n```sh\n')[1]?.split('```')[0] ?? '';

/** A folder with kmem-run installed, as recipes expect it, and a command that runs a line there as printed. */
function makeProject(t: ExecutionContext) {
  const harness = makeHarness(t);
  mkdirSync(harness.path('node_modules/.bin'), { recursive: true });
  symlinkSync(bin, harness.path('node_modules/.bin/kmem-run'));
  writeFileSync(harness.path('package.json'), '{ "private": true }');
  writeFileSync(harness.path('server'), '#!/bin/sh\ntrue & wait\n', { mode: 0o755 });
  mkdirSync(harness.path('scenarios'));
  const passing = "description: it passes\nlimits: { kmem: 4M }\nsteps: [{ run: 'true' }]\n";
  writeFileSync(harness.path('scenarios/mine.yaml'), passing);
  // The tests run as root, where sudo may not be installed.
  mkdirSync(harness.path('bin'));
  writeFileSync(harness.path('bin/sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  const PATH = [harness.path('bin'), dirname(process.execPath), process.env.PATH].join(':');
  const env = { PATH, HOME: harness.folder, USER: 'nobody' };
  const ask = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    harness.startProgram(words, { env: { ...env, ...more } }).ended;
  return { ...harness, ask };
}

test('within budget it exits 0; beyond it, 122, and the call is in the file', async (t) => {
  const { ask, path, read } = makeProject(t);
  writeFileSync(path('kernel-memory.sh'), script);
  const words = ['sh', 'kernel-memory.sh', 'sh', '-c', 'true & wait'];

  const within = await ask(words, { KMEM: '4M' });
  t.is(within.status, 0, within.stderr);

  const beyond = await ask(words, { KMEM: '120K' });
  t.is(beyond.status, 122, beyond.stderr);
  const { failures } = validateResult(JSON.parse(read('kmem.json')));
  t.is(failures[0]?.errno, 'ENOMEM');
});

/** All texts in it, however deep. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);

test('every YAML recipe can be parsed', (t) => {
  t.is(blocks.length, 5);
  for (const block of blocks) {
    const value: unknown = parse(block, { strict: true });
    const steps = Array.isArray(value) ? value : Object.values(value as Record<string, unknown>);
    t.true(steps.length > 0 && textsIn(value).some((text) => text.includes('npx kmem-run ')), block);
  }
});

const lines = blocks
  .flatMap((block) => textsIn(parse(block)))
  .flatMap((line) => line.split(' || '))
  .filter((line) => line.includes('npx kmem-run '));
const [inMicroVMs, here] = [true, false].map((isThere) =>
  lines.filter((line) => / --kernel | kernel (add|verify) /.test(line) === isThere),
) as [string[], string[]];

test('each line that boots no microVM passes as printed, in a project with one scenario', async (t) => {
  const kinds = here.map((line) => /npx kmem-run (doctor|scenario run|--)/.exec(line)?.[1]);
  t.deepEqual(kinds, ['doctor', '--', 'scenario run', 'scenario run']);
  for (const line of here) {
    const { ask, path } = makeProject(t);
    const { status, stdout, stderr } = await ask(['sh', '-c', line], { CI: 'true' });
    t.is(status, 0, `${line}\n${stdout}${stderr}`);
    if (!line.includes('scenario run')) continue;
    const written = /--output (\S+)/.exec(line)?.[1];
    const report = written === undefined ? stdout : readFileSync(path(written), 'utf8');
    t.regex(report, /<testsuites [^>]*tests="1"|^1 passed/m, report);
  }
});

test('kmem-run accepts each line that needs a kernel', async (t) => {
  const runs = inMicroVMs.filter((line) => line.includes(' -- '));
  t.true(runs.length >= 2, lines.join('\n'));
  for (const line of runs) {
    const { status, stderr } = await makeProject(t).ask(['sh', '-c', line.replace(' -- ', ' --dry-run -- ')]);
    t.is(status, 0, `${line}\n${stderr}`);
  }
});
