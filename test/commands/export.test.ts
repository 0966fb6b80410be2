import test from 'ava';
import { csvHead } from '../../src/report/formats.ts';
import { hostile, result, setupError } from '../fixtures/results.ts';
import { dangerous } from '../fixtures/terminal.ts';
import { assertRefused } from '../harness.ts';
import { experiment, saveRuns } from '../store/folder.ts';
import { assertAnswered, makeKept } from './kept.ts';

test.serial('all or selected runs are exported, each once, in both formats', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    saveRuns(store, 'alone1', 'alone2');
    store.saveExperiment(experiment());
    const made = result({ id: 'in1' });
    store.saveRun({ result: made, experimentId: 'sweep1', point: 3, repeat: 1, label: 'x' });
    store.saveRun({ result: { ...setupError(), id: 'none' }, experimentId: null });
  });
  const ids = async (...args: string[]) => {
    const json = await kmemRun(['export', ...args]);
    assertAnswered(t, json);
    const runs = JSON.parse(json.stdout) as { result: { id: string } }[];
    const csv = await kmemRun(['export', '--format', 'csv', ...args]);
    assertAnswered(t, csv);
    const [head, ...lines] = csv.stdout.split('\r\n');
    t.is(`${head}\r\n`, csvHead());
    t.is(lines.pop(), '');
    const found = runs.map(({ result: { id } }) => id);
    t.deepEqual(
      lines.map((line) => line.split(',')[0]),
      found,
    );
    return found;
  };
  t.deepEqual(await ids(), ['alone1', 'alone2', 'in1', 'none']);
  t.deepEqual(await ids('sweep1'), ['in1']);
  t.deepEqual(await ids('alone2,alone1', 'x', 'sweep1', '@'), ['alone2', 'alone1', 'in1', 'none']);
  const { stdout } = await kmemRun(['export', 'in1']);
  t.deepEqual(JSON.parse(stdout), [
    { experimentId: 'sweep1', point: 3, repeat: 1, label: 'x', result: result({ id: 'in1' }) },
  ]);
});

test.serial('an empty export is still valid in its format', async (t) => {
  const { kmemRun } = makeKept(t);
  t.deepEqual(JSON.parse((await kmemRun(['export'])).stdout), []);
  t.is((await kmemRun(['export', '--format', 'csv'])).stdout, csvHead());
});

test.serial('hostile names are harmless on a terminal', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => store.saveRun({ result: hostile(), experimentId: null }));
  const json = await kmemRun(['export']);
  t.deepEqual(JSON.parse(json.stdout)[0].result, hostile());
  t.notRegex(json.stdout.replaceAll('\n', ''), /\p{Cc}/u);
  const csv = await kmemRun(['export', '--format', 'csv']);
  t.deepEqual(dangerous(csv.stdout, '\n\r\t'), []);
});

test.serial('a closed reader is not an error, but a full disk is', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    for (let index = 0; index < 200; index++)
      store.saveRun({ result: result({ id: `r${index}` }), experimentId: null });
  });
  const head = await kmemRun(['export'], { under: ['bash', '-o', 'pipefail', '-c', '"$@" | head -n 1', 'bash'] });
  assertAnswered(t, head);
  t.is(head.stdout, '[\n');
  const full = await kmemRun(['export'], { under: ['sh', '-c', 'exec "$@" > /dev/full', 'sh'] });
  t.is(full.status, 125);
  assertRefused(t, full, /no space left on device/);
});

test.serial('rejects bad options', async (t) => {
  const { kmemRun } = makeKept(t);
  for (const args of [['--format', 'xml'], ['--format'], ['none'], ['--', 'true'], ['--json']]) {
    const ran = await kmemRun(['export', ...args]);
    t.is(ran.status, 125, args.join(' '));
    assertRefused(t, ran, /./);
  }
});
