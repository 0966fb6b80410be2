/** `--scenario`: the plan of a scenario is what an experiment or a replay runs. */

import { mkdirSync, writeFileSync } from 'node:fs';
import anyTest, { type ExecutionContext } from 'ava';
import { openStore } from '../../src/store/store.ts';
import { assertRefused, makeHarness, type Start } from '../harness.ts';
import { canActAsOthers } from '../needs.ts';
import { needsKernel } from '../vm/needs-kernel.ts';
import { pageScenario } from './page-server.ts';

const test = anyTest.serial;

/** kmem-run with the test's own store, JSON file and scenario. */
function makeScenarios(t: ExecutionContext, text = pageScenario()) {
  const harness = makeHarness(t);
  mkdirSync(harness.path('scenarios'));
  const write = (content: string, name = 'page') => writeFileSync(harness.path(`scenarios/${name}.yaml`), content);
  write(text);
  const store = ['--store', harness.path('store.db')];
  const kmemRun = (args: readonly string[], start: Start = {}) =>
    harness.run(args, { json: false, timeout: 300_000, ...start });
  return {
    ...harness,
    write,
    kmemRun,
    experiment: (word: string, ...args: string[]) =>
      kmemRun([word, ...store, '--json', harness.path('report.json'), '--scenario', 'page', ...args]),
    report: () => JSON.parse(harness.read('report.json')),
    kept: () => {
      if (!harness.has('store.db')) return [];
      const open = openStore(harness.path('store.db'), 'read');
      try {
        return [...open.allRuns()];
      } finally {
        open.close();
      }
    },
  };
}

test('bisect: the scenario’s limit starts the search, and its expectations define a pass', async (t) => {
  const { experiment, report, kept, assertNothingLeft } = makeScenarios(
    t,
    pageScenario({ settings: 'limits: { kmem: 1M }\nexpect: kmem.maxUsage<1M' }),
  );
  const words = [
    '--confirm',
    '1',
    '--jobs',
    '2',
    '--lo',
    '128K',
    '--timeout',
    '3s',
    '--grace',
    '100ms',
    '--wait',
    'exit',
  ];
  const { status, stdout, stderr } = await experiment('bisect', ...words);
  t.is(status, 0, stdout + stderr);
  t.regex(stdout, /^kmem-run: scenario page passes at [\d,]+, fails at [\d,]+ \(1\/1 each\)/);
  const { command, expect, answer, trials, unlimited } = report();
  t.deepEqual([command, expect], [['scenario', 'page'], ['kmem.maxUsage<1M']]);
  t.true(answer.passesAt > answer.failsAt && answer.passesAt < 1024 * 1024);
  t.is(unlimited, null);
  t.true(trials.every(({ limit }: { limit: number }) => limit < 1024 * 1024));
  // Each run had its own folder and port.
  const passed = kept().filter(({ result }) => result.outcome === 'passed');
  t.is(new Set(passed.map(({ result }) => result.spec.cwd)).size, passed.length);
  t.true(passed.every(({ result }) => result.spec.template?.input.cwd === '${dir}'));
  assertNothingLeft();
});

test('a stopped experiment resumes from its saved copy, even if the file has changed', async (t) => {
  const { experiment, report, kmemRun, write, path, kept } = makeScenarios(t);
  // Fails before the second run; it is performed in kmem-run's own folder.
  const prepare = '[ -e go ] || { [ ! -e once ] && touch once; }';
  const stopped = await experiment('sweep', '--kmem', '4M', '--repeat', '2', '--warmup', '0', '--prepare', prepare);
  t.is(stopped.status, 125);
  const [first, ...others] = kept();
  t.is(others.length, 0);
  writeFileSync(path('go'), '');
  write('description: another\nsteps:\n  - run: exit 3\n');
  const again = await kmemRun([
    ...['sweep', '--store', path('store.db'), '--json', path('report.json')],
    ...['--resume', first?.experimentId ?? ''],
  ]);
  t.is(again.status, 0, again.stdout + again.stderr);
  const { command, points } = report();
  t.deepEqual(command, ['scenario', 'page']);
  t.deepEqual([points[0].runs, points[0].passed], [2, 2]);
});

test('sweep: the scenario’s limit applies unless one is swept, and options override its settings', async (t) => {
  const { experiment, report, kept } = makeScenarios(
    t,
    pageScenario({ settings: "limits: { kmem: 64K, mem: 256M }\nenv: { OWN: '1', BOTH: '1' }\ntimeout: 50s" }),
  );
  const own = await experiment('sweep', '--warmup', '0');
  t.is(own.status, 0, own.stderr);
  t.is(report().points[0].passed, 0);
  const given = ['--warmup', '0', '--kmem', '4M', '--mem', '512M', '--env', 'BOTH=2', '--timeout', '40s', '--aslr'];
  t.is((await experiment('sweep', ...given)).status, 0);
  t.is(report().points[0].passed, 1);
  const [tight, loose] = kept().map(({ result }) => result.spec);
  t.deepEqual([tight?.limits.kmem, tight?.limits.mem, tight?.timeoutMs], [65_536, 2 ** 28, 50_000]);
  t.deepEqual([loose?.limits.kmem, loose?.limits.mem, loose?.timeoutMs], [2 ** 22, 2 ** 29, 40_000]);
  t.like(loose, { env: { OWN: '1', BOTH: '2' }, aslr: true });
});

test('--kernel accepts host, too', async (t) => {
  const { experiment } = makeScenarios(t);
  const { stdout } = await experiment('bisect', '--kernel', 'host', '--dry-run');
  t.is(JSON.parse(stdout).input.kernel, null);
});

test('sweep over kernels: each gets the scenario’s settings for it', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const on = "limits: { kmem: 1M }\non: { '5.10': { limits: { kmem: 2M }, timeout: 3m } }";
  const { experiment } = makeScenarios(t, pageScenario({ settings: `kernels: [host, '5.10']\n${on}` }));
  const { stdout } = await experiment('sweep', '--kernel', 'host,5.10', '--dry-run');
  const { onKernel } = JSON.parse(stdout);
  t.like(onKernel, { host: { kmem: '1M', timeout: '1m' }, '5.10': { kmem: '2M', timeout: '3m', kernel: '5.10' } });
});

test('explore: the printed line reproduces a finding', async (t) => {
  // Each run has a temporary folder, and a command that gives up root can reach the folder of the run.
  const other = canActAsOthers ? 'setpriv --reuid 65534 --clear-groups ls ${dir} >/dev/null && ' : '';
  const steps = `  - run: '${other}mktemp >/dev/null'`;
  const { experiment, report, kmemRun, assertNothingLeft } = makeScenarios(t, pageScenario({ steps }));
  const ran = await experiment('explore', '--limit', '3', '--jobs', '2', '--only', 'mmap');
  t.is(ran.status, 1, ran.stdout + ran.stderr);
  const { findings, command } = report();
  t.deepEqual(command, ['scenario', 'page']);
  const crash = findings.find(({ class: name }: { class: string }) => name === 'crash');
  t.regex(crash?.replay, /^kmem-run replay --store \S+ [0-9a-f]{12}$/);
  t.true(ran.stdout.includes(crash.replay));
  const again = await kmemRun(crash.replay.split(' ').slice(1));
  // Two of these ran in parallel when it was recorded, so only the server's peak may differ.
  t.regex(again.stdout, /^kmem-run: (the same in \d replays?: |different in kmem peak \(5 replays\)$)/m);
  for (const what of ['outcome', 'first call', 'failcnt'])
    t.regex(again.stdout, new RegExp(`^ *${what} +.*: same$`, 'm'), again.stdout);
  t.regex(
    again.stdout,
    new RegExp(` injection ${crash.address.replaceAll('.', '\\.').replace('+', '\\+')} +injected: same`),
  );
  t.regex(again.stdout, / the folder and the ports of the run: each replay has its own$/m);
  assertNothingLeft();
});

test('replay: the file’s current steps run under the recorded limits', async (t) => {
  const { kmemRun, write, path, read, report, assertNothingLeft } = makeScenarios(
    t,
    pageScenario({ settings: 'limits: { kmem: 4M }' }),
  );
  await kmemRun(['scenario', 'run', 'page', '--format', 'json', '--output', path('suite.json')]);
  const [run] = JSON.parse(read('suite.json')).scenarios[0].results;
  writeFileSync(path('run.json'), JSON.stringify(run));
  const replay = (...args: string[]) => kmemRun(['replay', '--json', path('report.json'), ...args, path('run.json')]);
  const same = await replay('--repeat', '1');
  t.true(same.status === 0 || /^kmem-run: different in kmem peak/.test(same.stdout), same.stdout + same.stderr);

  write(pageScenario({ settings: 'limits: { kmem: 64K }', steps: '  - { name: more, run: exit 3, expect: exit==3 }' }));
  const changed = await replay('--repeat', '1', '--scenario', 'page');
  t.is(changed.status, 1, changed.stderr);
  t.regex(changed.stdout, /^ {2}step 2 +did not start → exit 3: different$/m);
  t.regex(changed.stdout, /^ {2}outcome +passed: same$/m);
  t.regex(changed.stdout, /the steps: read from the scenario file as it is now$/m);
  t.is(report().replays.length, 1);
  const spec = JSON.parse((await kmemRun(['replay', '--dry-run', '--scenario', 'page', path('run.json')])).stdout);
  t.is(spec.limits.kmem, 2 ** 22);

  // A plan filled in by one run cannot be reused for another.
  writeFileSync(path('run.json'), JSON.stringify({ ...run, spec: { ...run.spec, template: null } }));
  assertRefused(t, await replay(), /^kmem-run: run [0-9a-f]+ cannot be replayed: its steps name a folder and ports/);
  t.is((await replay('--scenario', 'page')).status, 1);
  assertRefused(t, await replay('--token', '--scenario', 'page'), /--token cannot be combined with --scenario/);
  assertNothingLeft();
});

test('a scenario that is for another kernel, lacks something, is invalid, missing or ambiguous is rejected', async (t) => {
  const { write, kmemRun, path, has } = makeScenarios(t);
  write(pageScenario({ settings: "kernels: ['5.10']" }), 'elsewhere');
  write(pageScenario({ settings: 'needs: { commands: [no-such-program] }' }), 'lacking');
  write('description: x\nsteps: []\nstpes: []\n', 'wrong');
  for (const [word, reason, hint] of [
    ['elsewhere', /scenario "elsewhere" is for 5\.10, not for the running kernel/, /use --kernel 5\.10/],
    ['lacking', /scenario "lacking" cannot run here: no no-such-program in PATH/, /install what is missing/],
    ['wrong', /scenarios\/wrong\.yaml:\d:\d+: /, /hint: /],
    ['pag', /no scenario is called "pag"/, /did you mean page\?/],
    ['./none.yaml', /"\.\/none\.yaml" does not exist/, /name a scenario file/],
    ['./scenarios', /--scenario: ".\/scenarios" contains \d scenarios: /, /name one of them/],
  ] as const) {
    if (word === './scenarios') write(pageScenario(), 'wrong');
    const ran = await kmemRun(['bisect', '--store', path('store.db'), '--scenario', word]);
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
    t.regex(ran.stderr, hint);
  }
  t.false(has('store.db'));
});

test('options that define steps cannot be combined with it', async (t) => {
  const { kmemRun } = makeScenarios(t);
  for (const [args, reason] of [
    [['--', 'true'], /a command cannot be combined with --scenario/],
    [['--then', 'true'], /--then cannot be combined with --scenario/],
    [['--client', 'true'], /--client cannot be combined with --scenario/],
    [['--ready', 'tcp:1'], /--ready cannot be combined with --scenario/],
    [['--ready-timeout', '1s'], /--ready-timeout cannot be combined with --scenario/],
    [['--background'], /--background cannot be combined with --scenario/],
    [['--stop', 'INT'], /--stop cannot be combined with --scenario/],
    [['--resume', 'abc'], /--scenario cannot be combined with --resume/],
    [['--kmem', '1M'], /--kmem cannot be combined with bisect, which searches for that limit/],
  ] as const)
    assertRefused(t, await kmemRun(['bisect', '--scenario', 'page', ...args]), reason);
  assertRefused(
    t,
    await kmemRun(['explore', '--scenario', 'page', '--kmem', '1M']),
    /--kmem cannot be combined with explore/,
  );
});
