import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { csvHead } from '../../src/report/formats.ts';
import { profiled, profileRow } from '../fixtures/profiles.ts';
import { fieldsOf, messages } from '../fixtures/protobuf.ts';
import { hostile, result, setupError } from '../fixtures/results.ts';
import { dangerous } from '../fixtures/terminal.ts';
import { assertRefused } from '../harness.ts';
import { experiment, makeFolder, saveRuns } from '../store/folder.ts';
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

test.serial('profiles are exported as folded stacks and for pprof, those of several runs added up', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  const rows = [profileRow('x', { atPeak: 2, atEnd: 1, total: 3 })];
  fill((store) => {
    for (const id of ['one', 'two']) store.saveRun({ result: profiled({ rows }, { id }), experimentId: null });
  });
  const folded = async (...args: string[]) => {
    const ran = await kmemRun(['export', '--format', 'folded', ...args]);
    assertAnswered(t, ran);
    return ran.stdout;
  };
  t.is(await folded('one'), 'apache2;[accept4];x 2048\n');
  t.is(await folded('one,two'), 'apache2;[accept4];x 4096\n');
  t.is(await folded('@', '--at', 'end'), 'apache2;[accept4];x 1024\n');
  t.is(await folded('one', 'two', '--at=total'), 'apache2;[accept4];x 6144\n');
  const file = `${makeFolder(t)}/kmem.pb.gz`;
  const ran = await kmemRun(['export', '--format', 'pprof', '@'], {
    under: ['sh', '-c', `exec "$@" > ${file}`, 'sh'],
  });
  assertAnswered(t, ran);
  t.is(messages(fieldsOf(gunzipSync(readFileSync(file))), 2).length, 1);
});

test.serial('a profile is required, and an ID', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    store.saveRun({ result: profiled({}, { id: 'with' }), experimentId: null });
    store.saveRun({ result: result({ id: 'without' }), experimentId: null });
    const { profile: _, ...old } = result({ id: 'old' });
    store.saveRun({ result: old as typeof old & { profile: null }, experimentId: null });
  });
  for (const format of ['folded', 'pprof']) {
    const export_ = (...args: string[]) => kmemRun(['export', '--format', format, ...args]);
    for (const id of ['without', 'old']) {
      const ran = await export_('with', id);
      t.is(ran.status, 125);
      assertRefused(t, ran, new RegExp(`run ${id} has no profile$`));
      t.regex(ran.stderr, /kmem-run --profile --keep -- COMMAND/);
    }
    const all = await export_();
    assertRefused(t, all, new RegExp(`--format ${format} requires an ID$`));
    t.regex(all.stderr, new RegExp(`kmem-run export --format ${format} @\n`));
    assertRefused(t, await export_('with', '--at', 'noon'), /--at: unknown value "noon"/);
  }
  assertRefused(t, await kmemRun(['export', '--at', 'end']), /--at requires the format folded or pprof/);
});

test.serial('binary data is not printed to a terminal', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => store.saveRun({ result: profiled({}, { id: 'one' }), experimentId: null }));
  const onTerminal = (format: string) =>
    kmemRun(['export', '--format', format, 'one'], {
      under: ['sh', '-c', 'script -qec "$(printf "%s " "$@")" /dev/null', 'sh'],
    });
  const { stdout, status } = await onTerminal('pprof');
  t.is(status, 125);
  t.is(
    stdout,
    'kmem-run: --format pprof prints binary data\r\n  hint: redirect it: kmem-run export --format pprof one > kmem.pb.gz\r\n',
  );
  t.regex((await onTerminal('folded')).stdout, /^apache2;/);
});

test.serial('rejects bad options', async (t) => {
  const { kmemRun } = makeKept(t);
  for (const args of [['--format', 'xml'], ['--format'], ['none'], ['--', 'true'], ['--json']]) {
    const ran = await kmemRun(['export', ...args]);
    t.is(ran.status, 125, args.join(' '));
    assertRefused(t, ran, /./);
  }
});
