import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import type { ScenariosReport } from '../../src/scenario/report.ts';
import { NOBODY } from '../cgroup/sandbox.ts';
import { assertRefused, makeHarness, type Start } from '../harness.ts';
import { needs } from '../needs.ts';
import { validateResult } from '../validate-result.ts';

const library = join(import.meta.dirname, '..', '..', 'scenarios');

/** kmem-run scenario, in the test's own folder with these files in scenarios/. */
function bench(t: ExecutionContext, files: Readonly<Record<string, string>> = {}) {
  const harness = makeHarness(t);
  const folder = harness.path('project');
  mkdirSync(join(folder, 'scenarios'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'scenarios', `${name}.yaml`), text);
  // Not below the harness' folder, which everyone may write to.
  const state = mkdtempSync(join(tmpdir(), 'kmem-run-state-'));
  t.teardown(() => rmSync(state, { recursive: true, force: true }));
  const env = { XDG_STATE_HOME: state };
  const call = (words: readonly string[], start: Start = {}) =>
    harness.run(words, { json: false, cwd: folder, ...start, env: { ...env, ...start.env } });
  return { harness, folder, scenario: (...words: string[]) => call(['scenario', ...words]), call };
}

const libraryNames = readdirSync(library)
  .flatMap((file) => (/^(?!baseline\b).*\.yaml$/.test(file) ? [file.replace('.yaml', '')] : []))
  .toSorted();

function namesIn(baseline: string): string[] {
  return Object.keys((parse(baseline) as { scenarios: object }).scenarios);
}

/** The names in a list: lines about missing things are indented. */
function firstWords(text: string): string[] {
  return text.split('\n').flatMap((line) => /^\S+/.exec(line)?.[0] ?? []);
}

const PASSING = "description: it passes\ntags: [good]\nsteps:\n  - run: 'true'\n";
const FAILING = 'description: it fails\nsteps:\n  - { name: it, run: echo why; exit 3 }\n';

test.serial('the library scenarios pass side by side and leave nothing behind', async (t) => {
  if (!needs(t, existsSync('/usr/sbin/apachectl'), 'apache2')) return;
  const { harness, scenario } = bench(t);
  const ran = await scenario('run', join(library, 'httpd.yaml'), join(library, 'fork-loop.yaml'), '--jobs', '2');
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  t.regex(ran.stdout, /^✓ httpd /m);
  t.regex(ran.stdout, /^✓ fork-loop /m);
  harness.assertNothingLeft();
});

test.serial('httpd fails if Apache serves a different page', async (t) => {
  if (!needs(t, existsSync('/usr/sbin/apachectl'), 'apache2')) return;
  const httpd = readFileSync(join(library, 'httpd.yaml'), 'utf8').replace("echo 'it works'", "echo 'out of order'");
  const { harness, scenario } = bench(t, { broken: httpd });
  const ran = await scenario('run', 'broken');
  t.is(ran.status, 1, ran.stdout + ran.stderr);
  t.regex(ran.stdout, /a page: body~\/it works\/: it is "out of order/);
  harness.assertNothingLeft();
});

test.serial('0 if all passed, 1 if some failed, 125 if some could not run; their output is shown', async (t) => {
  const { harness, scenario } = bench(t, {
    passing: PASSING,
    failing: FAILING,
    setup: `${PASSING}setUp: echo no; exit 4\n`,
  });
  t.is((await scenario('run', 'passing')).status, 0);
  t.regex((await scenario('run', 'passing')).stdout, /^ {4}shows {5}it passes$/m);
  const failed = await scenario('run', 'passing', 'failing', 'setup');
  t.is(failed.status, 1);
  t.notRegex(failed.stdout, /^ {4}shows /m);
  t.regex(failed.stdout, /^✗ failing .*\n {4}echo why; exit 3 failed with exit status 3.*\n {4}\| why\n/m);
  t.regex(failed.stdout, /\n1 passed, 1 failed, 1 could not be run in /);
  const could = await scenario('run', 'setup');
  t.is(could.status, 125);
  t.regex(could.stdout, /the set-up ended with 4\n.*\n {4}\| no\n/);
  harness.assertNothingLeft();
});

test.serial('a run has its own private folder and ports, and cleans up however it ends', async (t) => {
  const { harness, folder, scenario } = bench(t);
  const text = `description: a
setUp: echo \${port} \${port.b} \${port} > \${dir}/ports
steps:
  - run: test "$PWD" = \${dir} && cat ports \${here}/out; exit 1
cleanUp: cp ports \${here}/kept
`;
  writeFileSync(join(folder, 'scenarios', 'private.yaml'), text);
  writeFileSync(join(folder, 'scenarios', 'out'), 'beside the file\n');
  const ran = await scenario('run', 'private', '--keep-dir');
  t.is(ran.status, 1);
  t.regex(ran.stdout, /\| beside the file\n/);
  const [first, second, third] = readFileSync(join(folder, 'scenarios', 'kept'), 'utf8')
    .trim()
    .split(' ');
  t.is(first, third);
  t.not(first, second);
  const kept = /files: (.*)/.exec(ran.stdout)?.[1] ?? '';
  t.true(readdirSync(kept).includes('ports'));
  t.is((await scenario('run', 'private')).status, 1);
  t.deepEqual(
    readdirSync(harness.temporary).filter((name) => !kept.includes(name)),
    [],
  );
});

test.serial('no other user can create anything next to a run’s folder and log, or replace them', async (t) => {
  const { folder, scenario, harness } = bench(t);
  const text = `description: a
steps:
  - run: setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups ln -s /nonexistent \${dir}.link
    expect: exit!=0
  - run: test "$(stat -c %u \${dir}/.. \${dir}.log | xargs)" = '0 0'
`;
  writeFileSync(join(folder, 'scenarios', 'private.yaml'), text);
  const ran = await scenario('run', 'private');
  t.is(ran.status, 0, ran.stdout);
  chownSync(harness.temporary, NOBODY, NOBODY);
  const refused = await scenario('run', 'private');
  t.is(refused.status, 125);
  t.regex(refused.stdout, new RegExp(`cannot create a folder for the run in .*belongs to uid ${NOBODY}`));
  t.regex(refused.stdout, /hint: set TMPDIR to a folder/);
  chownSync(harness.temporary, 0, 0);
});

test.serial('--last-failed runs the scenarios that did not pass, and partial reports are merged', async (t) => {
  const { scenario, call, folder } = bench(t, { a: PASSING, b: FAILING, c: PASSING });
  assertRefused(t, await scenario('run', '--last-failed'), /no scenarios have been run here yet/);
  t.is((await scenario('run', 'a', 'b', 'c', '--shard', '1/2', '--format', 'json', '--output', 'one')).status, 0);
  t.is((await scenario('run', 'a', 'b', 'c', '--shard', '2/2', '--format', 'json', '--output', 'two')).status, 1);
  const report = JSON.parse(readFileSync(join(folder, 'one'), 'utf8')) as ScenariosReport;
  t.deepEqual(
    report.scenarios.map(({ name }) => name),
    ['a', 'c'],
  );
  t.is(validateResult(report.scenarios[0]?.results[0]).outcome, 'passed');
  const merged = await call(['merge', 'one', 'two', '--format', 'tap']);
  t.is(merged.status, 1);
  t.regex(merged.stdout, /^ok 1 - a\nnot ok 2 - b\n(?: .*\n)+ok 3 - c\n/m);
  assertRefused(t, await call(['merge', 'one']), /part 2\/2 is missing/);
  const again = await scenario('run', 'a', 'b', 'c', '--last-failed', '--format', 'tap');
  t.regex(again.stdout, /^1\.\.1\nnot ok 1 - b$/m);
});

test.serial(
  'a missing program is named with its package: the scenario is skipped, or with --strict an error',
  async (t) => {
    const lacking = `${PASSING}needs: { commands: no-such-command, packages: no-such-package }\n`;
    const { call } = bench(t, { lacking });
    const ran = await call(['scenario', 'run', 'lacking'], { env: { CI: 'true' } });
    t.is(ran.status, 0);
    t.regex(ran.stdout, /no no-such-command: apt-get install no-such-package\n/);
    t.is((await call(['scenario', 'run', 'lacking', '--strict'])).status, 125);
  },
);

test.serial(
  'without a name only the project’s scenarios run; the library runs by name or with --library',
  async (t) => {
    const { folder, call, scenario } = bench(t, { mine: PASSING, httpd: PASSING });
    const own = await call(['scenario', 'run'], { env: { CI: 'true' } });
    t.is(own.status, 0, own.stdout + own.stderr);
    t.regex(own.stdout, /^✓ httpd .*\n✓ mine .*\n\n2 passed in /);
    t.is((await scenario('run', '--update-baseline')).status, 0);
    t.deepEqual(namesIn(readFileSync(join(folder, 'scenarios', 'baseline.yaml'), 'utf8')), ['httpd', 'mine']);
    t.regex((await scenario('run', 'timers', 'mine')).stdout, /^✓ mine .*\n✓ timers /m);
    const counted = (text: string) => text.trim().split('\n').at(-1);
    t.is(counted((await scenario('check')).stdout), '2 valid');
    t.is(counted((await scenario('check', '--library')).stdout), `${libraryNames.length} valid`);
    t.is(counted((await scenario('check', 'scenarios', '--library')).stdout), `${libraryNames.length + 1} valid`);
  },
);

test.serial('list shows the library separately; a scenario of the same name hides a library one', async (t) => {
  const { scenario } = bench(t, { mine: PASSING, httpd: PASSING });
  const [own = '', apart = ''] = (await scenario('list')).stdout.split(/\n\nlibrary .*\n/);
  t.deepEqual(firstWords(own), ['httpd', 'mine']);
  t.deepEqual(
    firstWords(apart),
    libraryNames.filter((name) => name !== 'httpd'),
  );
});

test.serial('without scenarios run suggests how to get some; in a clone ./scenarios is the library', async (t) => {
  const { folder, call, scenario } = bench(t);
  const empty = await scenario('run');
  assertRefused(t, empty, /no scenarios found in \.\/scenarios/);
  t.regex(empty.stderr, /hint: .*--library/);
  rmSync(join(folder, 'scenarios'), { recursive: true });
  assertRefused(t, await scenario('run'), /no scenarios found in \.\/scenarios/);
  const cwd = join(library, '..');
  const listed = (await call(['scenario', 'list', '--json'], { cwd })).stdout;
  t.deepEqual(
    (JSON.parse(listed) as { name: string }[]).map(({ name }) => name),
    libraryNames,
  );
  t.regex((await call(['scenario', 'run', 'timers'], { cwd })).stdout, /^1 passed /m);
});

test.serial('list, check and new', async (t) => {
  const { scenario } = bench(t, { passing: PASSING, wrong: 'description: a\nstpes: []\n' });
  const listed = await scenario('list', 'passing');
  t.is(listed.stdout, 'passing  it passes  [good]\n');
  t.is((await scenario('list', '--tag', 'good', 'scenarios/passing.yaml')).status, 0);
  const checked = await scenario('check', 'scenarios');
  t.is(checked.status, 1);
  t.true(checked.stdout.includes('scenarios/wrong.yaml:2:1: unknown key "stpes"\n  hint: did you mean steps?\n'));
  t.true(checked.stdout.endsWith('1 valid, 1 invalid\n'));
  t.is((await scenario('run', 'wrong')).status, 125);
  assertRefused(t, await scenario('run', 'pasing'), /no scenario is called "pasing"/);
  t.is((await scenario('new', 'mine')).status, 0);
  assertRefused(t, await scenario('new', 'mine'), /already exists/);
  if (needs(t, existsSync('/usr/bin/python3'), 'python3')) {
    const ran = await scenario('run', 'mine');
    t.is(ran.status, 0, ran.stdout);
  }
});
