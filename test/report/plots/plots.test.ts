import test from 'ava';
import fc from 'fast-check';
import { compareProcesses, processesOf } from '../../../src/report/plots/explore-tree.ts';
import { plotPng, plotSvg } from '../../../src/report/plots/files.ts';
import { numbersOf, optionOf } from '../../../src/report/plots/index.ts';
import { factsOf, marksOf } from '../../../src/report/plots/marks.ts';
import { plotsOf } from '../../../src/report/plots/of-documents.ts';
import { light } from '../../../src/report/plots/palette.ts';
import type { ReportDocument } from '../../../src/scenario/documents.ts';
import { wilson } from '../../../src/statistics/spread.ts';
import { bisectReport, comparisonOf, courseOf, exploreReport, sweepOf, sweepPoint } from '../../fixtures/reports.ts';
import { hostile, storm, unread } from '../../fixtures/results.ts';

const documents: readonly ReportDocument[] = [
  { kind: 'run', result: courseOf({ kmem: { parts: { slab: 4096, percpu: 0 } } }) },
  { kind: 'run', result: hostile() },
  { kind: 'run', result: unread() },
  { kind: 'run', result: storm() },
  {
    kind: 'experiment',
    report: sweepOf(
      ['kmem'],
      [sweepPoint({ kmem: 65_536 }, 0, 4), sweepPoint({ kmem: 131_072 }, 0, 0), sweepPoint({ kmem: 262_144 }, 4, 4)],
    ),
  },
  {
    kind: 'experiment',
    report: sweepOf(
      ['kmem', 'pids'],
      [sweepPoint({ kmem: 65_536, pids: 1 }, 0, 2), sweepPoint({ kmem: 131_072, pids: 2 }, 2, 2)],
    ),
  },
  { kind: 'experiment', report: bisectReport },
  { kind: 'experiment', report: exploreReport },
  comparisonOf([courseOf({ id: 'a' })], [courseOf({ id: 'b' })]),
];

test('Wilson’s interval is as published for 4 of 20 and correct at the ends', (t) => {
  const { low = 0, high = 0 } = wilson(4, 20) ?? {};
  t.deepEqual([low.toFixed(4), high.toFixed(4)], ['0.0807', '0.4160']);
  t.is(wilson(0, 0), null);
  t.is(wilson(0, 5)?.low, 0);
  t.is(wilson(5, 5)?.high, 1);
});

test('Wilson’s interval contains the share and narrows with more runs', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.nat(), (runs, any) => {
      const passed = any % (runs + 1);
      const { low, high } = wilson(passed, runs) ?? { low: 1, high: 0 };
      t.true(0 <= low && low <= passed / runs && passed / runs <= high && high <= 1);
      const more = wilson(2 * passed, 2 * runs) ?? { low: 0, high: 1 };
      t.true(more.high - more.low < high - low);
    }),
  );
});

test('every plot is drawn as a named SVG and has as many numbers as columns', (t) => {
  const plots = documents.flatMap((document, index) => plotsOf(document, String(index + 1)));
  t.deepEqual([...new Set(plots.map(({ kind }) => kind))].toSorted(), [
    'comparison',
    'explore',
    'heatmap',
    'parts',
    'peaks',
    'search',
    'survival',
    'timeline',
  ]);
  for (const plot of plots) {
    const svg = plotSvg(plot);
    t.regex(svg, /^<svg[^>]* role="img"><title>[^<]+<\/title><desc>/, plot.id);
    t.notRegex(svg, /NaN|undefined|null/, plot.id);
    const { columns, rows } = numbersOf(plot);
    t.true(
      rows.every((row) => row.length === columns.length),
      plot.id,
    );
    t.truthy(optionOf(plot, { palette: light, width: 360, live: true }));
  }
});

test('renders a PNG', (t) => {
  const [plot] = plotsOf(documents[0] as ReportDocument, '1');
  const png = plotPng(plotSvg(plot as NonNullable<typeof plot>));
  t.deepEqual([...png.slice(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  t.is(Buffer.from(png).readUInt32BE(16), 1920);
});

test('a point without runs is in the table but is not drawn', (t) => {
  const [plot] = plotsOf(documents[4] as ReportDocument, '1');
  t.is(plot?.kind, 'survival');
  if (plot === undefined) return;
  t.deepEqual(numbersOf(plot).rows[1], [131_072, 0, 0, null, null, null]);
  t.is(marksOf(plot).length, 2);
});

test('marks are ordered left to right, and each has its details', (t) => {
  const [plot] = plotsOf(documents[0] as ReportDocument, '1');
  if (plot === undefined) return t.fail();
  const marks = marksOf(plot);
  t.deepEqual(
    marks.map(({ x }) => x),
    [440, 445, 450],
  );
  t.deepEqual(
    marks.map((mark) => factsOf(plot, mark)?.facts.find(([label]) => label === 'kernel memory')?.[1]),
    ['2.5 MiB (2,617,344)', 'not read', '2.5 MiB (2,621,440)'],
  );
});

test('processes are listed below their parents, in order of creation', (t) => {
  const call = (process: string) => ({
    ...({
      class: 'handled',
      address: `${process}/1:x`,
      index: 1,
      program: 'p',
      syscall: 'x',
      detail: null,
      how: null,
      replay: null,
    } as const),
    process,
  });
  const paths = processesOf(['0.10', '0.2.1.t3', '0'].map(call)).map(({ path }) => path);
  t.deepEqual(paths, ['0', '0.2', '0.2.1', '0.2.1.t3', '0.10']);
  t.true(compareProcesses('0.2', '0.10') < 0);
});
