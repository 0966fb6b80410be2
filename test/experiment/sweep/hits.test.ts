import test from 'ava';
import { hitColumns, hitTexts } from '../../../src/experiment/sweep/hits.ts';
import { markdownReport } from '../../../src/report/markdown/report.ts';
import { spreadOf } from '../../../src/statistics/spread.ts';
import { sweepOf, sweepPoint } from '../../fixtures/reports.ts';

const hits = (oomKills: number, pids: number) => ({
  hits: { oomKills: spreadOf([oomKills]), pids: spreadOf([pids]), kmemTcp: null },
});
const at = (mem: number, oomKills: number, pids: number) => ({ ...sweepPoint({ mem }, 1, 2), ...hits(oomKills, pids) });

test('only limits that were hit at some point have a column', (t) => {
  const points = [at(1, 0, 0), at(2, 3, 0), at(3, 1, 0)];
  t.deepEqual(
    hitColumns(points).map(({ key }) => key),
    ['oomKills'],
  );
  t.deepEqual(hitTexts(points, String), ['OOM kills at 2']);
  t.deepEqual(hitTexts([at(1, 0, 0)], String), []);
});

test('a report of an older version has no columns', (t) => {
  t.deepEqual(hitColumns([sweepPoint({ mem: 1 }, 1, 2)]), []);
});

test('the Markdown line names the hits', (t) => {
  const text = markdownReport([{ kind: 'experiment', report: sweepOf(['mem'], [at(1, 0, 0), at(2, 3, 5)]) }], {
    title: 't',
    version: '0',
  });
  t.regex(text, /2 of 4 runs pass, at 2 points; OOM kills at 1 point; pids failcnt at 1 point/);
});
