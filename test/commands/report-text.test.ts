import { writeFileSync } from 'node:fs';
import test from 'ava';
import { csvHead, csvLine } from '../../src/report/formats.ts';
import { documentText } from '../../src/report/terminal/documents.ts';
import { apacheStopFails, result } from '../fixtures/results.ts';
import { assertRefused } from '../harness.ts';
import { saveRuns } from '../store/folder.ts';
import { assertAnswered, makeKept } from './kept.ts';

test.serial('--markdown: several results also show what changed from the first', async (t) => {
  const { kmemRun, fill, path, read } = makeKept(t);
  fill((store) => {
    saveRuns(store, 'a1');
    store.saveRun({ result: { ...apacheStopFails(), id: 'a2' }, experimentId: null });
  });
  const one = await kmemRun(['report', 'a1', '--markdown', '-']);
  assertAnswered(t, one);
  t.regex(one.stdout, /^### kmem-run\n\n\| {2}\| what \| result \|/);
  t.notRegex(one.stdout, /What changed/);
  const two = await kmemRun(['report', 'a1', 'a2', '--markdown', path('two.md'), '--title', 'Apache & co']);
  assertAnswered(t, two);
  t.regex(read('two.md'), /^### Apache &#38; co\n/);
  t.regex(
    read('two.md'),
    /\*\*What changed\*\* from <code>a1<\/code> \(1 run\) to <code>a2<\/code> \(1 run\): \*\*different\*\*/,
  );
  t.is(read('two.md').match(/<details>/g)?.length, 3);
  const compared = await kmemRun(['report', 'a1', 'a2', '--compare', '--markdown', '-']);
  assertAnswered(t, compared);
  t.is(compared.stdout.match(/What changed/g)?.length, 1);
  t.is(compared.stdout.match(/<details>/g)?.length, 1);
});

test.serial('--csv: one line per run, from files and from the store', async (t) => {
  const { kmemRun, fill, path, read } = makeKept(t);
  fill((store) => store.saveRun({ result: result({ id: 'a1' }), experimentId: null, label: 'x' }));
  writeFileSync(path('r.json'), JSON.stringify(result({ id: 'b1' })));
  const ran = await kmemRun(['report', 'a1', path('r.json'), 'a1', '--csv', path('out.csv')]);
  assertAnswered(t, ran);
  const alone = { experimentId: null, point: null, repeat: null };
  t.is(
    read('out.csv'),
    csvHead() +
      csvLine({ result: result({ id: 'a1' }), ...alone, label: 'x' }) +
      csvLine({ result: result({ id: 'b1' }), ...alone, label: null }),
  );
});

test.serial('--plot: text reports with plots', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => saveRuns(store, 'a1', 'a2'));
  const ran = await kmemRun(['report', 'a1', 'a2', '--plot']);
  assertAnswered(t, ran);
  const text = documentText({ kind: 'run', result: result({ id: 'a1' }) }, { color: false, width: null, plot: true });
  t.is(ran.stdout, `${text}\n${text}`);
  t.regex(ran.stdout, /▔/);
});

test.serial('show --plot and report --plot redraw a saved sweep as it was when it ended', async (t) => {
  const { kmemRun, fill, file } = makeKept(t);
  fill(() => {});
  const swept = await kmemRun(['sweep', '--plot', '--store', file, '--kmem', '1M,2M', '--repeat', '2', '--', 'true']);
  t.is(swept.status, 0, swept.stderr);
  const [, plot = ''] = /\n\n( {2}runs that pass, over kmem; .*)$/s.exec(swept.stdout) ?? [];
  t.regex(plot, /1 MiB +2 MiB\n$/);
  const id = /saved as (\w+)/.exec(swept.stdout)?.[1] ?? '';
  for (const args of [
    ['show', id, '--plot'],
    ['report', id, '--plot'],
  ]) {
    const again = await kmemRun(args);
    assertAnswered(t, again);
    t.true(again.stdout.endsWith(`\n\n${plot}`), again.stdout);
  }
});

test.serial('invalid output requests are rejected', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => saveRuns(store, 'a1'));
  const refused = async (reason: RegExp, ...args: string[]) => {
    const ran = await kmemRun(['report', ...args]);
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
  };
  await refused(/report requires an output/, 'a1');
  await refused(/only one output can go to stdout/, 'a1', '--markdown', '-', '--csv', '-');
  await refused(/only one output can go to stdout/, 'a1', '--plot', '--csv', '-');
  await refused(/no saved result is called "zz"/, 'zz', '--csv', '-');
});
