import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { githubReport, junitReport, tapReport } from '../../src/report/scenarios/formats.ts';
import { prettyScenario, prettySum, scenarioStory } from '../../src/report/scenarios/pretty.ts';
import type { ScenarioOutcome, ScenariosReport } from '../../src/scenario/report.ts';
import { failure, result, step } from '../fixtures/results.ts';
import { needs } from '../needs.ts';

function outcome(name: string, changes: Partial<ScenarioOutcome> = {}): ScenarioOutcome {
  return {
    name,
    file: `scenarios/${name}.yaml`,
    kernel: 'host',
    tags: [],
    title: 'what it shows',
    status: 'passed',
    flaky: false,
    reasons: [],
    notes: [],
    baseline: null,
    output: '',
    attempts: 1,
    durationMs: 1234,
    folders: [],
    results: [result()],
    ...changes,
  };
}

const NASTY = 'a <b> & "c" #d \\ % \u0000\u001b[31m ]]> \ud800\r\nnext';
const report: ScenariosReport = {
  kind: 'scenarios',
  schemaVersion: 1,
  kmemRun: '0.1.0',
  startedAt: '2025-01-02T03:04:05.678Z',
  durationMs: 5000,
  status: 'done',
  shard: null,
  scenarios: [
    outcome('fine', { kernel: '5.10' }),
    outcome('broken', { status: 'failed', reasons: ['stop: exit!=0: it is 0', NASTY], output: NASTY }),
    outcome('lacking', { status: 'skipped', reasons: ['no apachectl: apt-get install apache2'] }),
    outcome('odd #1', { status: 'error', reasons: [NASTY] }),
    outcome('better', { notes: ['better than the baseline: kmem peak −20 % (5 → 4 MiB)', NASTY] }),
    outcome('moody', { flaky: true, attempts: 2, reasons: ['a page: answered 503'] }),
  ],
};

test('TAP 14: a test point each, skips as directives, diagnostics as YAML', (t) => {
  const lines = tapReport(report).split('\n');
  t.deepEqual(lines.slice(0, 2), ['TAP version 14', '1..6']);
  t.deepEqual(
    lines.filter((line) => /^(not )?ok/.test(line)),
    [
      'ok 1 - fine on 5.10',
      'not ok 2 - broken',
      'ok 3 - lacking # SKIP no apachectl: apt-get install apache2',
      'not ok 4 - odd \\#1',
      'ok 5 - better',
      'ok 6 - moody',
    ],
  );
  t.true(lines.includes('  message: "stop: exit!=0: it is 0"'));
  t.true(lines.includes('  flaky: true'));
  t.true(lines.includes('  message: "better than the baseline: kmem peak −20 % (5 → 4 MiB)"'));
  t.is(lines.filter((line) => line === '  ---').length, lines.filter((line) => line === '  ...').length);
  // No written text can end a block or begin a test point.
  t.true(lines.every((line) => /^(TAP version 14|1\.\.6|(not )?ok .*| {2}.*|)$/.test(line)));
});

test('TAP 14: no scenarios give an empty plan', (t) => {
  t.is(tapReport({ ...report, scenarios: [] }), 'TAP version 14\n1..0 # SKIP no scenario was selected\n');
});

test('JUnit XML is valid for any text', (t) => {
  const xml = junitReport(report);
  if (!needs(t, spawnSync('xmllint', ['--version']).status === 0, 'libxml2-utils')) return;
  const schema = join(import.meta.dirname, '..', 'fixtures', 'junit.xsd');
  const lint = (input: string) =>
    spawnSync('xmllint', ['--noout', '--schema', schema, '-'], { input, encoding: 'utf8' });
  const { status, stderr } = lint(xml);
  t.is(status, 0, stderr);
  t.not(lint(xml.replace('failures="1"', '')).status, 0);
  t.is(lint(junitReport({ ...report, scenarios: [] })).status, 0);
  t.true(
    xml.includes('<testsuite name="kmem-run scenarios" tests="6" failures="1" errors="1" skipped="1" time="5.000"'),
  );
  t.true(xml.includes('<testcase name="broken" classname="scenarios.broken" time="1.234">'));
  t.true(xml.includes('<system-out>better than the baseline: kmem peak −20 % (5 → 4 MiB)\n'));
  t.true(xml.includes('<flakyFailure message="a page: answered 503" type="flaky">'));
});

test('GitHub: a one-line annotation on the file', (t) => {
  const lines = githubReport(report).trimEnd().split('\n');
  t.is(lines.length, 6);
  t.true(
    lines[0]?.startsWith(
      '::error file=scenarios/broken.yaml,line=1,title=broken failed::stop: exit!=0: it is 0%0Aa <b>',
    ),
  );
  t.is(
    lines[1],
    '::notice file=scenarios/lacking.yaml,line=1,title=lacking skipped::no apachectl: apt-get install apache2',
  );
  t.true(lines[2]?.startsWith('::error file=scenarios/odd #1.yaml,line=1,title=odd #1 could not be run::'));
  t.true(
    lines[3]?.startsWith('::notice file=scenarios/better.yaml,line=1,title=better passed::better than the baseline: '),
  );
  t.true(lines[4]?.startsWith('::warning file=scenarios/moody.yaml,line=1,title=moody is flaky::'));
  t.is(lines[5], '3 passed, 1 failed, 1 could not be run, 1 skipped');
});

test('human-readable: one line each, reasons below, no terminal control characters', (t) => {
  const style = { color: false };
  t.is(prettyScenario(outcome('fine'), style), '✓ fine  1.2 s  peak 2.52 MiB  failcnt 0\n');
  const broken = prettyScenario(report.scenarios[1] ?? outcome('none'), style);
  t.true(broken.startsWith('✗ broken  1.2 s  peak 2.52 MiB  failcnt 0\n    stop: exit!=0: it is 0\n'));
  t.notRegex(broken, /(?!\n)\p{Cc}/u);
  t.is(
    prettyScenario(report.scenarios[2] ?? outcome('none'), style),
    '- lacking\n    no apachectl: apt-get install apache2\n',
  );
  const noted = prettyScenario(outcome('better', { notes: ['better than the baseline'] }), style);
  t.is(noted, '✓ better  1.2 s  peak 2.52 MiB  failcnt 0\n    better than the baseline\n');
  t.is(prettySum(report, style), '\n3 passed, 1 failed, 1 could not be run, 1 skipped, 1 flaky in 5 s\n');
});

test('human-readable: lists what --update-baseline wrote, by file', (t) => {
  const baseline = { file: 'scenarios/baseline.yaml', state: 'new', changes: [], warnings: [] } as const;
  const scenarios = [
    outcome('a', { baseline }),
    outcome('b', { baseline: { ...baseline, state: 'kept' } }),
    outcome('c', { baseline: { ...baseline, state: 'compared' } }),
  ];
  const sum = prettySum({ ...report, scenarios }, { color: false });
  t.is(sum, '\n3 passed in 5 s\nscenarios/baseline.yaml: 1 new, 1 as before\n');
});

test('a single scenario is reported step by step', (t) => {
  const steps = [
    step('apachectl start', { name: 'start' }),
    step('a request', {
      kind: 'http',
      name: 'a page',
      http: { status: 200, body: '', attempts: 1 },
      kmemMaxUsage: null,
    }),
    step('apachectl stop', { exit: { code: 126, signal: null }, failcnt: 4 }),
  ];
  const failures = [failure({ comm: 'apachectl', syscall: 'execve', detail: '/usr/bin/id' })];
  const told = scenarioStory(outcome('httpd', { results: [result({ steps, failures })] }), {
    color: false,
    width: null,
  });
  t.true(
    told.startsWith(`    shows     what it shows
    kmem      peak 2.52 MiB of 4 MiB
    steps     start           exit 0  412.1 ms  peak 2.52 MiB
              a page          status 200  412.1 ms
              apachectl stop  exit 126  412.1 ms  failcnt 4  peak 2.52 MiB
    failures  `),
    told,
  );
  t.is(scenarioStory(outcome('nothing', { results: [] }), { color: false, width: null }), '');
});

test('no format contains characters that control a terminal or a CI server', (t) => {
  const odd = outcome('x\u001b[31m\u0085\u202ey', {
    output: '\u001b[2J\u007f\u009b1m\tz\r\n',
    reasons: ['r\u0007'],
    status: 'failed',
  });
  const all = { ...report, scenarios: [odd] };
  for (const format of [tapReport, junitReport, githubReport]) {
    const text = format(all);
    t.notRegex(text, /(?![\n\t])[\p{Cc}\p{Cf}]/u, format.name);
    t.true(text.includes('31m'), format.name);
  }
  t.regex(tapReport(all), /^not ok 1 - x\\\\x1b\[31m/m);
  t.true(junitReport(all).includes('<system-out>\\x1b[2J\\x7f\\u{9b}1m\tz\\r\n'));
});
