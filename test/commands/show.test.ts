import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { textReport } from '../../src/report/terminal/run.ts';
import { timelineText } from '../../src/report/terminal/timeline.ts';
import { apacheStopFails, hostile, result } from '../fixtures/results.ts';
import { dangerous } from '../fixtures/terminal.ts';
import { assertRefused } from '../harness.ts';
import { experiment, saveRuns } from '../store/folder.ts';
import { assertAnswered, makeKept } from './kept.ts';

test.serial('a run’s report is shown as it was when it ended, by id prefix or as the latest', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    saveRuns(store, 'other');
    store.saveRun({ result: apacheStopFails(), experimentId: null });
  });
  for (const verbose of [false, true]) {
    const expected = textReport(apacheStopFails(), { color: false, width: null, verbose });
    for (const word of ['2025', '20250102-030405-abcdef', '@']) {
      const ran = await kmemRun(['show', word, ...(verbose ? ['--verbose'] : [])]);
      assertAnswered(t, ran);
      t.is(ran.stdout, expected);
    }
  }
  const json = await kmemRun(['show', '@', '--json']);
  assertAnswered(t, json);
  t.deepEqual(JSON.parse(json.stdout), apacheStopFails());
});

test.serial('--plot draws the run over time below its report', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => store.saveRun({ result: apacheStopFails(), experimentId: null }));
  const { stdout: report } = await kmemRun(['show', '@']);
  const ran = await kmemRun(['show', '@', '--plot']);
  assertAnswered(t, ran);
  t.is(ran.stdout, `${report}\n${timelineText(apacheStopFails(), { color: false, width: null })}`);
  t.regex(ran.stdout, /\n {2}failures │ +4\n/);
});

test.serial('hostile names are shown escaped', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    store.saveRun({ result: hostile(), experimentId: null });
    store.saveExperiment(experiment({ command: ['\u001b]0;x\u0007'], kind: '\u009b1m' as never }));
  });
  const text = await kmemRun(['show', '@', '--verbose']);
  assertAnswered(t, text);
  t.deepEqual(dangerous(text.stdout, '\n'), []);
  const json = await kmemRun(['show', '@', '--json']);
  t.deepEqual(JSON.parse(json.stdout), hostile());
  t.notRegex(json.stdout.replaceAll('\n', ''), /\p{Cc}/u);
  t.deepEqual(dangerous((await kmemRun(['show', 'sweep1'])).stdout, '\n'), []);
});

test.serial('an experiment is shown with its runs', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    store.saveExperiment(experiment());
    for (let index = 0; index < 25; index++) {
      store.saveRun({ result: result({ id: `r${index}` }), experimentId: 'sweep1', point: index, repeat: 0 });
    }
    store.updateExperiment('sweep1', { status: 'done', summary: { limit: 2_637_824 } });
  });
  const ran = await kmemRun(['show', 'sweep1']);
  assertAnswered(t, ran);
  t.regex(
    ran.stdout,
    /^kmem-run: sweep1: sweep, done, 25 runs\n {2}command {2}apachectl start\n {2}started {2}2025-01-02 03:04:05, seed 42\n {2}summary {2}\{"limit":2637824\}\n/,
  );
  t.regex(ran.stdout, /\nand 5 more: kmem-run history --experiment sweep1 --limit all\n$/);
  const { id, status, runs, summary } = JSON.parse((await kmemRun(['show', 'sweep1', '--json'])).stdout);
  t.like({ id, status, summary }, { id: 'sweep1', status: 'done', summary: { limit: 2_637_824 } });
  t.is(runs.length, 25);
});

test.serial('invalid requests are rejected', async (t) => {
  const { kmemRun, fill, file, path } = makeKept(t);
  fill((store) => saveRuns(store, 'aa1', 'aa2', 'newer'));
  const database = new DatabaseSync(file);
  database.exec(`UPDATE run SET result = '{"schemaVersion":7}' WHERE id = 'newer'`);
  database.close();
  writeFileSync(path('text'), 'no store at all, and long enough to be read as one '.repeat(100));
  const refused = async (reason: RegExp, ...args: string[]) => {
    const ran = await kmemRun(['show', ...args]);
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
  };
  await refused(/"aa" is the beginning of 2 saved results: aa1 \(apachectl start\), aa2 \(apachectl start\)/, 'aa');
  await refused(/no saved result is called "zz"/, 'zz');
  await refused(/run newer was saved by a newer kmem-run: its result uses schema version 7/, 'newer');
  await refused(/schema version 7/, 'newer', '--json');
  await refused(/is damaged or not a store/, '@', '--store', path('text'));
  await refused(/one more run is required/);
  await refused(/unexpected argument "aa2"/, 'aa1', 'aa2');
  await refused(/show accepts no command/, '--', 'true');
});
