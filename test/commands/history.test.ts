import { existsSync } from 'node:fs';
import test from 'ava';
import { HOSTILE_TEXT, hostile, result } from '../fixtures/results.ts';
import { dangerous } from '../fixtures/terminal.ts';
import { assertRefused } from '../harness.ts';
import { experiment, saveRuns, timeOf } from '../store/folder.ts';
import { assertAnswered, makeKept } from './kept.ts';

function idsOf(stdout: string) {
  return stdout
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(' ')[0]);
}

test.serial('without saved results, nothing is listed or created', async (t) => {
  const { kmemRun, file, path } = makeKept(t);
  const ran = await kmemRun(['history']);
  assertAnswered(t, ran);
  t.is(ran.stdout, 'no saved results match\n');
  t.false(existsSync(file));
  const json = await kmemRun(['history', '--json']);
  t.is(json.stdout, '[]\n');
  const named = await kmemRun(['history', '--store', path('none')]);
  t.is(named.status, 125);
  assertRefused(t, named, /no such store: ".*\/none"/);
});

test.serial('newest first; an experiment is one line, with its runs on request', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    saveRuns(store, 'alone1', 'alone2');
    store.saveExperiment(experiment({ startedAt: timeOf(10) }));
    for (const id of ['in1', 'in2']) {
      const outcome = id === 'in1' ? 'failed' : 'passed';
      store.saveRun({
        result: result({ id, outcome, startedAt: timeOf(11) }),
        experimentId: 'sweep1',
        point: 0,
        repeat: 0,
      });
    }
    store.saveRun({
      result: result({ id: 'named', startedAt: timeOf(20), spec: { command: ['nginx'] } }),
      experimentId: null,
      label: 'x',
    });
  });
  const list = async (...args: string[]) => {
    const ran = await kmemRun(['history', ...args]);
    assertAnswered(t, ran);
    return idsOf(ran.stdout);
  };
  t.deepEqual(await list(), ['named', 'sweep1', 'alone2', 'alone1']);
  t.deepEqual(await list('--limit', '2'), ['named', 'sweep1']);
  t.deepEqual(await list('--limit', 'all', '--runs'), ['named', 'in2', 'in1', 'alone2', 'alone1']);
  t.deepEqual(await list('--experiment', 'sw'), ['in2', 'in1']);
  t.deepEqual(await list('--outcome', 'failed'), ['in1']);
  t.deepEqual(await list('--label', 'x'), ['named']);
  t.deepEqual(await list('--command', 'apachectl'), ['sweep1', 'alone2', 'alone1']);
  const { stdout } = await kmemRun(['history', '--limit', '2', '--json']);
  t.like(JSON.parse(stdout), [
    {
      entry: 'run',
      id: 'named',
      label: 'x',
      command: 'nginx',
      outcome: 'passed',
      kmemLimit: 4_194_304,
      maxUsage: 2_637_824,
    },
    { entry: 'experiment', id: 'sweep1', kind: 'sweep', status: 'running', runs: 2, seed: 42 },
  ]);
});

test.serial('program names reach the terminal only escaped', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => store.saveRun({ result: hostile(), experimentId: null }));
  for (const args of [[], ['--command', '\u001b[2J']]) {
    const ran = await kmemRun(['history', ...args]);
    assertAnswered(t, ran);
    t.is(idsOf(ran.stdout).length, 1);
    t.deepEqual(dangerous(ran.stdout, '\n'), []);
  }
});

test.serial('rejects bad options', async (t) => {
  const { kmemRun } = makeKept(t);
  for (const args of [
    ['x'],
    ['--', 'true'],
    ['--limit', '0'],
    ['--limit', '1x'],
    ['--outcome', HOSTILE_TEXT],
    ['--json', '--json'],
    ['--lim', '3'],
  ]) {
    const ran = await kmemRun(['history', ...args]);
    t.is(ran.status, 125, args.join(' '));
    assertRefused(t, ran, /./);
    t.deepEqual(dangerous(ran.stderr, '\n'), []);
  }
  t.regex((await kmemRun(['history', '--outcome', 'fail'])).stderr, /did you mean failed\?/);
  const help = await kmemRun(['history', '--help']);
  assertAnswered(t, help);
  t.regex(help.stdout, /^kmem-run history \[options\]/);
});
