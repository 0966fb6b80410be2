import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { bisectReport, courseOf, exploreReport, scenariosReport, sweepOf, sweepPoint } from '../fixtures/reports.ts';
import { result } from '../fixtures/results.ts';
import { assertRefused } from '../harness.ts';
import { makeFolder } from '../store/folder.ts';
import { assertAnswered, makeKept } from './kept.ts';

/** What the page carries: its plots by kind, and the lengths of its tables. */
function carried(page: string) {
  const json = /<script type="application\/json" id="kmem-run-data">(.*)<\/script>/.exec(page)?.[1] ?? '';
  const { plots, tables } = JSON.parse(json) as { plots: { kind: string }[]; tables: { rows: unknown[] }[] };
  return { plots: plots.map(({ kind }) => kind), tables: tables.map(({ rows }) => rows.length) };
}

test.serial('files of any kind make one page, with one section each, in order', async (t) => {
  const { kmemRun } = makeKept(t);
  const folder = makeFolder(t);
  const put = (name: string, content: unknown) => {
    writeFileSync(join(folder, name), JSON.stringify(content));
    return join(folder, name);
  };
  const html = join(folder, 'page.html');
  const files = [
    put('run.json', courseOf()),
    put('exported.json', [{ result: result({ id: 'x1' }), experimentId: null }]),
    put('sweep.json', sweepOf(['kmem'], [sweepPoint({ kmem: 65_536 }, 0, 2), sweepPoint({ kmem: 131_072 }, 2, 2)])),
    put('bisect.json', bisectReport),
    put('explore.json', exploreReport),
    put('scenarios.json', scenariosReport),
    put('fidelity.json', {
      ...{ kernel: '5.10.0', reserve: 0, same: false, limits: [1_048_576] },
      rows: [
        {
          ...{
            row: { name: 'pipe', what: 'pipe', kind: 'charged', why: '' },
            verdict: 'skipped',
            reasons: ['not measured'],
          },
          limits: [{ limit: 1_048_576, native: 1597, gate: null, off: null }],
        },
      ],
    }),
  ];
  assertAnswered(t, await kmemRun(['report', ...files, '--html', html, '--title', 'All of <it>']));
  const page = readFileSync(html, 'utf8');
  t.deepEqual(carried(page).plots, ['timeline', 'timeline', 'survival', 'peaks', 'search', 'explore', 'timeline']);
  t.is(page.match(/<article /g)?.length, 7);
  t.true(page.includes('<title>All of &lt;it&gt;</title>'));
  t.regex(page, /<td class="number">1,597<\/td><td class="number">not measured<\/td>/);
});

test.serial('saved results: runs, labels, a sweep rebuilt from its runs, and a comparison', async (t) => {
  const { kmemRun } = makeKept(t);
  const folder = makeFolder(t);
  const html = join(folder, 'page.html');
  for (const [label, limit] of [
    ['before', '64M'],
    ['after', '32M'],
  ] as const) {
    const kept = await kmemRun([
      'run',
      '--kmem',
      limit,
      '--sample',
      '10ms',
      '--label',
      label,
      '--quiet',
      '--',
      'sleep',
      '0.1',
    ]);
    t.is(kept.status, 0, kept.stderr);
  }
  const swept = await kmemRun(['sweep', '--kmem', '32M,64M', '--repeat', '2', '--quiet', '--', 'true']);
  t.is(swept.status, 0, swept.stderr);
  const { stdout } = await kmemRun(['history', '--json']);
  const { id } = (JSON.parse(stdout) as { kind?: string; id: string; runs?: number }[]).find(
    ({ runs }) => runs === 4,
  ) ?? { id: '' };
  assertAnswered(t, await kmemRun(['report', 'before', id, '--html', html]));
  t.deepEqual(carried(readFileSync(html, 'utf8')).plots, ['timeline', 'survival', 'peaks']);
  t.regex(readFileSync(html, 'utf8'), /<dt>Passed<\/dt><dd>4 of 4<\/dd>/);
  assertAnswered(t, await kmemRun(['report', 'before', 'after', '--compare', '--html', html]));
  t.deepEqual(carried(readFileSync(html, 'utf8')).plots, ['comparison']);
});

test.serial('a saved exploration shows its findings and leaves out anything not judged', async (t) => {
  const { kmemRun, file } = makeKept(t);
  const html = join(makeFolder(t), 'page.html');
  const explored = await kmemRun(['explore', '--only', 'mmap', '--limit', '1', '--quiet', '--', 'sleep', '0.1']);
  t.is(explored.status, 1, explored.stderr);
  const store = new DatabaseSync(file);
  t.teardown(() => store.close());
  const { id } = store.prepare('SELECT id FROM experiment').get() as { id: string };
  const page = async () => {
    assertAnswered(t, await kmemRun(['report', id, '--html', html]));
    return readFileSync(html, 'utf8');
  };
  const whole = await page();
  t.regex(whole, /explore: 2 findings/);
  t.regex(whole, /<dt>Found<\/dt><dd>2 crashes/);
  t.notRegex(whole, /\d not judged/);

  // More was found than was saved: the rest may be bad, too.
  store.exec(`UPDATE experiment SET summary = json_set(summary, '$.found', json('[]'))`);
  const part = await page();
  t.regex(part, /explore: 2 findings/);
  t.regex(part, /2 not judged/);

  // Killed: it has runs but no verdict.
  store.exec(`UPDATE experiment SET summary = NULL, status = 'running'`);
  const cut = await page();
  t.regex(cut, /explore: not judged yet/);
  t.notRegex(cut, /explore: no findings|<dt>Found|nothing was tried/);
});

test.serial('one file per plot, and no page unless requested', async (t) => {
  const { kmemRun } = makeKept(t);
  const folder = makeFolder(t);
  const file = join(folder, 'run.json');
  writeFileSync(file, JSON.stringify(courseOf({ kmem: { parts: { slab: 4096 } } })));
  const [svg, png] = [join(folder, 'plots', 'svg'), join(folder, 'plots', 'png')];
  assertAnswered(t, await kmemRun(['report', file, '--svg', svg, '--png', png]));
  t.deepEqual(readdirSync(svg).toSorted(), ['1-parts.svg', '1-timeline.svg']);
  t.deepEqual(readdirSync(png).toSorted(), ['1-parts.png', '1-timeline.png']);
  t.regex(readFileSync(join(svg, '1-timeline.svg'), 'utf8'), /<title>Over time<\/title>/);
  t.deepEqual(readdirSync(folder).toSorted(), ['plots', 'run.json']);
});

test.serial('errors are reported, and nothing is written', async (t) => {
  const { kmemRun } = makeKept(t);
  const folder = makeFolder(t);
  const [html, odd] = [join(folder, 'page.html'), join(folder, 'odd.json')];
  writeFileSync(odd, '{"schemaVersion": 1, "kind": "sweep"}');
  mkdirSync(join(folder, 'empty'));
  const refused = async (words: readonly string[], message: RegExp) =>
    assertRefused(t, await kmemRun(['report', ...words]), message);
  await refused(['--html', html], /report requires a result/);
  await refused([odd], /report requires an output/);
  await refused([odd, '--html', html], /was not written by kmem-run: it has no points/);
  await refused([join(folder, 'none.json'), '--html', html], /no such file/);
  await refused([odd, '--compare', '--html', html], /--compare requires two results, not 1/);
  await refused([odd, '--html', join(folder, 'empty')], /is a folder/);
  t.false(existsSync(html));
});
