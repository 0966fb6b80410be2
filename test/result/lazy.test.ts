import { spawnSync } from 'node:child_process';
import test from 'ava';

// zod costs 10 ms at start, and building the schema as much again: a run must not load it.
const withoutZod = `
  import { registerHooks } from 'node:module';
  registerHooks({ resolve(specifier, context, next) {
    if (specifier === 'zod' || specifier.startsWith('zod/')) throw new Error('zod was loaded');
    return next(specifier, context);
  } });
  for (const path of JSON.parse(process.argv[1])) await import(path);
`;

function load(...paths: string[]) {
  const urls = paths.map((path) => new URL(`../../src/${path}`, import.meta.url).href);
  const args = ['--input-type=module', '-e', withoutZod, JSON.stringify(urls)];
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stderr;
}

test('a run and its report do not load zod', (t) => {
  t.is(
    load(
      'result/outcome.ts',
      'result/environment.ts',
      'result/notes.ts',
      'report/terminal/run.ts',
      'report/terminal/live.ts',
      'report/formats.ts',
      'host/write-file.ts',
    ),
    '',
  );
});

test('the check detects zod', (t) => {
  t.regex(load('result/json-schema.ts'), /zod was loaded/);
});
