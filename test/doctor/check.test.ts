import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openBench } from '../../src/doctor/bench.ts';
import { allThere, type Check, type Diagnosis, missing, note, ok, runChecks, warning } from '../../src/doctor/check.ts';
import { checks } from '../../src/doctor/checks.ts';
import { SetupError } from '../../src/errors.ts';

const { signal } = new AbortController();
const bench = openBench({ parent: null, signal });
function check(name: string, probe: Check['probe'], needs: readonly Check[] = []): Check {
  return {
    name,
    needs,
    probe,
    remedy: `mend ${name}`,
  };
}

function run(...list: Check[]) {
  return runChecks(list, bench, { signal });
}

test('a check reports its finding, and a remedy if there is anything to fix', async (t) => {
  t.deepEqual(
    await run(
      check('a', () => ok('fine')),
      check('b', async () => note('so')),
      check('c', () => warning('hm')),
      check('d', () => missing('no')),
      check('e', () => missing('no', 'do that')),
    ),
    [
      { name: 'a', level: 'ok', found: 'fine', remedy: null },
      { name: 'b', level: 'note', found: 'so', remedy: null },
      { name: 'c', level: 'warning', found: 'hm', remedy: 'mend c' },
      { name: 'd', level: 'missing', found: 'no', remedy: 'mend d' },
      { name: 'e', level: 'missing', found: 'no', remedy: 'do that' },
    ],
  );
});

test('checks that depend on something missing are not tried, transitively', async (t) => {
  const tried: string[] = [];
  const mark = (name: string, level: 'ok' | 'missing', needs: readonly Check[] = []) =>
    check(
      name,
      () => {
        tried.push(name);
        return level === 'ok' ? ok('') : missing('');
      },
      needs,
    );
  const [a, b] = [mark('a', 'ok'), mark('b', 'missing')];
  const c = mark('c', 'ok', [a, b]);
  const d = mark('d', 'ok', [c]);
  const diagnoses = await run(a, b, c, d, mark('e', 'ok', [a]));
  t.deepEqual(tried, ['a', 'b', 'e']);
  t.deepEqual(
    diagnoses.map(({ level }) => level),
    ['ok', 'missing', 'not-tried', 'not-tried', 'ok'],
  );
  // Names what must be fixed, not what only depends on it.
  for (const index of [2, 3]) t.like(diagnoses[index], { found: 'not tried: it requires b', remedy: null });
});

test('a note or a warning skips no check', async (t) => {
  const [a, b] = [check('a', () => note('')), check('b', () => warning(''))];
  const diagnoses = await run(
    a,
    b,
    check('c', () => ok(''), [a, b]),
  );
  t.is(diagnoses[2]?.level, 'ok');
});

test('an exception in a probe is a finding', async (t) => {
  const fail = (error: unknown) => () => {
    throw error;
  };
  const [told, broken] = await run(
    check('a', fail(new SetupError('x', 'no room', 'make room'))),
    check('b', fail(new TypeError('oops'))),
  );
  t.deepEqual(told, { name: 'a', level: 'missing', found: 'no room', remedy: 'make room' });
  t.is(broken?.level, 'missing');
  t.regex(broken?.found ?? '', /oops/);
  t.regex(broken?.remedy ?? '', /report/);
});

test('on interruption the current finding is dropped and no further check runs', async (t) => {
  const controller = new AbortController();
  const told: string[] = [];
  const list = [
    check('a', () => ok('')),
    check('b', () => {
      controller.abort();
      return missing('');
    }),
    check('c', () => t.fail() as never),
  ];
  const options = { signal: controller.signal, onDiagnosis: ({ name }: Diagnosis) => told.push(name) };
  t.deepEqual(
    (await runChecks(list, bench, options)).map(({ name }) => name),
    ['a'],
  );
  t.deepEqual(told, ['a']);
});

test('everything is there unless something is missing or was not tried', (t) => {
  const of = (...levels: Diagnosis['level'][]) =>
    allThere(levels.map((level) => ({ name: '', level, found: '', remedy: null })));
  t.true(of('ok', 'note', 'warning'));
  t.false(of('ok', 'missing'));
  t.false(of('ok', 'not-tried'));
});

test('every check has a unique name and a remedy, and depends only on earlier checks', (t) => {
  t.is(new Set(checks.map(({ name }) => name)).size, checks.length);
  for (const [index, { name, remedy, needs = [] }] of checks.entries()) {
    t.regex(name, /^[a-z]+(-[a-z]+)*$/);
    t.regex(remedy, /\S/);
    for (const need of needs) t.true(checks.slice(0, index).includes(need), `${name} needs ${need.name}`);
  }
});

test('every check is explained in docs/reference/doctor.md', (t) => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', 'doctor.md'), 'utf8');
  for (const { name } of checks) t.regex(page, new RegExp(`^\\| [^|]*\`${name}\`[^|]* \\| `, 'm'), name);
});
