/** A server is checked against a baseline, then rebuilt to keep more sockets open. */

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { readBook } from '../../src/scenario/baseline/file.ts';
import type { ScenariosReport } from '../../src/scenario/report.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { assertRefused, makeHarness, type Start } from '../harness.ts';

const test = anyTest.serial;

const visitors = `description: Three visitors, one after the other.
limits: { kmem: 4M }
steps:
  - name: start
    run: \${here}/server \${port} $KEEP > log 2>&1 & echo $! > pid
    ready: { port: '\${port}' }
  - { name: a visitor, http: 'http://127.0.0.1:\${port}/' }
  - { name: another, http: 'http://127.0.0.1:\${port}/' }
  - { name: a third, http: 'http://127.0.0.1:\${port}/' }
  - { name: stop, signal: TERM, to: { pidFile: pid } }
  - { name: it is gone, wait: { empty: true, within: 5s } }
expect: failcnt==0
`;
const SHORT = "description: It ends at once.\nsteps:\n  - run: 'true'\n";

/** A project with these scenarios and the server beside them; `keep`: sockets that it keeps open for each visitor. */
function project(t: ExecutionContext, files: Readonly<Record<string, string>> = { visitors }) {
  const harness = makeHarness(t);
  const folder = harness.path('project');
  mkdirSync(join(folder, 'scenarios'), { recursive: true });
  cpSync(compileFixture('keeping-server'), join(folder, 'scenarios', 'server'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'scenarios', `${name}.yaml`), text);
  // Not below the harness' folder, which everyone may write to.
  const state = mkdtempSync(join(tmpdir(), 'kmem-run-state-'));
  t.teardown(() => rmSync(state, { recursive: true, force: true }));
  const run = (keep: number, words: readonly string[], start: Start = {}) =>
    harness.run(['scenario', 'run', ...words], {
      json: false,
      cwd: folder,
      ...start,
      env: { XDG_STATE_HOME: state, KEEP: String(keep), ...start.env },
    });
  return { harness, folder, run, read: (name: string) => readFileSync(join(folder, name), 'utf8') };
}

test('a server that keeps more sockets open fails with a message that says so; unchanged it passes', async (t) => {
  const { harness, run, read } = project(t);
  const written = await run(1, ['visitors', '--update-baseline']);
  t.is(written.status, 0, written.stdout + written.stderr);
  t.regex(written.stdout, /^scenarios\/baseline\.yaml: 1 new$/m);

  const same = await run(1, ['visitors', '--format', 'json']);
  t.is(same.status, 0, same.stdout + same.stderr);
  const [outcome] = (JSON.parse(same.stdout) as ScenariosReport).scenarios;
  t.like(outcome?.baseline, { file: 'scenarios/baseline.yaml', state: 'compared', warnings: [] });
  t.deepEqual(outcome?.reasons, []);

  const worse = await run(60, ['visitors']);
  t.is(worse.status, 1, worse.stdout + worse.stderr);
  t.regex(
    worse.stdout,
    /^✗ visitors .*\n {4}kmem peak \+\d+ % \(\d+ → \d+(\.\d+)? KiB\), at step "(a visitor|another|a third)"\n {4}baseline \S+.* in 5 runs, tolerance 10 %, at least 16 KiB; now .* in [35] runs\n {4}hint: .*--update-baseline/m,
  );

  const tap = await run(60, ['visitors', '--format', 'tap']);
  t.regex(tap.stdout, /^not ok 1 - visitors\n {2}---\n {2}message: "kmem peak \+/m);
  const junit = await run(60, ['visitors', '--format', 'junit']);
  t.regex(junit.stdout, /<failure message="kmem peak \+/);
  const github = await run(60, ['visitors', '--format', 'github']);
  t.regex(github.stdout, /^::error file=scenarios\/visitors\.yaml,line=1,title=visitors failed::kmem peak \+/m);

  const before = read('scenarios/baseline.yaml');
  const accepted = await run(60, ['visitors', '--update-baseline']);
  t.is(accepted.status, 0);
  t.regex(accepted.stdout, /^ {4}baseline: kmem peak \+/m);
  t.not(read('scenarios/baseline.yaml'), before);
  const better = await run(1, ['visitors']);
  t.is(better.status, 0, better.stdout);
  t.regex(better.stdout, /^ {4}better than the baseline: kmem peak −\d+ % \(/m);
  harness.assertNothingLeft();
});

test('a baseline file is readable, in name order, preserves other entries and is not itself a scenario', async (t) => {
  const { run, read, folder } = project(t, { visitors, short: SHORT });
  await run(1, ['visitors', '--update-baseline']);
  const alone = read('scenarios/baseline.yaml');
  await run(1, ['short', '--update-baseline']);
  const both = read('scenarios/baseline.yaml');
  t.deepEqual(Object.keys(readBook(join(folder, 'scenarios/baseline.yaml')) ?? {}), ['short', 'visitors']);
  const body = alone.slice(alone.indexOf('  visitors:'));
  t.true(both.endsWith(body), both);
  t.regex(both, /^ {6}kmem: \[ \d+, \d+, \d+, \d+, \d+ \] # [\d.]+ KiB$/m);
  const kept = await run(1, ['scenarios', '--update-baseline', '--repeat', '1']);
  t.is(kept.status, 0, kept.stdout);
  t.regex(kept.stdout, /^2 passed in /m);
});

test('a shared baseline file outside the project can be compared with across versions', async (t) => {
  const { run, harness, folder } = project(t, { visitors, short: SHORT });
  const file = harness.path('good.baseline.yaml');
  t.is((await run(1, ['visitors', '--update-baseline', '--baseline', file])).status, 0);
  t.is(readBook(join(folder, 'scenarios/baseline.yaml')), null);
  t.is((await run(60, ['visitors', '--baseline', file])).status, 1);
  t.is((await run(60, ['visitors'])).status, 0);
  const lacking = await run(1, ['short', '--baseline', file]);
  t.is(lacking.status, 0);
  t.regex(lacking.stdout, /good\.baseline\.yaml has no baseline of short on host: --update-baseline writes one/);
  assertRefused(
    t,
    await run(1, ['visitors', '--baseline', 'good.yaml']),
    /invalid name for a baseline file: "good\.yaml"/,
  );
});

test('a scenario sets its own tolerance, and with --strict its baseline must exist', async (t) => {
  const own = 'baseline: { file: own.baseline.yaml, tolerance: 4M }\n';
  const { run, folder } = project(t, { visitors: visitors + own });
  const lacking = await run(1, ['visitors', '--strict']);
  t.is(lacking.status, 125);
  t.regex(lacking.stdout, /scenarios\/own\.baseline\.yaml has no baseline of visitors on host/);
  t.is((await run(1, ['visitors'])).status, 0);
  t.is((await run(1, ['visitors', '--update-baseline'])).status, 0);
  t.not(readBook(join(folder, 'scenarios/own.baseline.yaml')), null);
  t.is((await run(60, ['visitors', '--strict'])).status, 0);
});

test('an unreadable baseline file fails the scenario at its position and is not overwritten', async (t) => {
  const { run, read, folder } = project(t, { short: SHORT });
  const conflict = 'version: 1\n<<<<<<< HEAD\nscenarios: {}\n';
  writeFileSync(join(folder, 'scenarios/baseline.yaml'), conflict);
  for (const words of [['short'], ['short', '--update-baseline']]) {
    const ran = await run(1, words);
    t.is(ran.status, 125, ran.stdout);
    t.regex(ran.stdout, /scenarios\/baseline\.yaml:2:1: not a baseline: /);
  }
  t.is(read('scenarios/baseline.yaml'), conflict);
});

test('a library scenario has its baseline in the user’s folder', async (t) => {
  const { run, folder } = project(t, {});
  const ran = await run(1, ['processes', '--update-baseline', '--repeat', '2']);
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  t.regex(ran.stdout, /^scenarios\/baseline\.yaml: 1 new$/m);
  t.deepEqual(Object.keys(readBook(join(folder, 'scenarios/baseline.yaml')) ?? {}), ['processes']);
});
