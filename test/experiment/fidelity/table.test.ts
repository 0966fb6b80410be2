import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { compareRow, MODES } from '../../../src/experiment/fidelity/judge.ts';
import { pageWith, reportOf } from '../../../src/experiment/fidelity/outcome.ts';
import { type ObjectRow, rows } from '../../../src/experiment/fidelity/rows.ts';
import { isSame, tableHead, tableLine, verdictText } from '../../../src/experiment/fidelity/table.ts';

const LIMIT = 1024 * 1024;
const pipe: ObjectRow = { name: 'pipe', what: 'pipe', kind: 'charged', tries: { native: 1, gate: 1 }, why: '' };
const request = { kind: 'rows', rows: [pipe], limits: [LIMIT], reserve: 0, program: '' } as const;

function answer(gate: number, errno = constants.errno.ENFILE) {
  const readings = MODES.map((mode) => {
    const made = mode === 'native' ? 1000 : gate;
    return { row: 'pipe', mode, limit: LIMIT, tries: [{ made, errno, before: 0, after: 1 }], problem: null };
  });
  return { kind: 'rows', readings } as const;
}

test('a line shows both counts, their difference and both errnos', (t) => {
  const line = tableLine(compareRow(pipe, [LIMIT], answer(990).readings));
  t.regex(line, /^pipe +1,000 +990 +-1\.0 % +ENFILE; ENFILE\n$/);
  const [limits, heads] = tableHead([LIMIT]).split('\n');
  t.is(limits?.length, heads?.indexOf('off') === undefined ? 0 : heads.indexOf('off') + 'off'.length);
});

test('a difference is explained below its line and listed at the end', (t) => {
  const { same, text } = reportOf(request, answer(900), '5.10.262');
  t.false(same);
  t.is(text, 'kmem-run: Linux 5.10.262: not the same: pipe (differs)\n');
  const comparison = compareRow(pipe, [LIMIT], answer(900).readings);
  t.regex(tableLine(comparison), /\n {2}differs: 1 MiB: 900 objects instead of 1000, -10\.0 %\n$/);
  t.true(reportOf(request, answer(1000), '5.10.262').same);
});

test('unmeasured rows are not the same', (t) => {
  t.false(isSame([]));
  const skipped = rows.map((row) => compareRow(row, [LIMIT], []));
  t.false(isSame(skipped));
  t.regex(verdictText(skipped), /^not the same: fork \(skipped\), /);
});

test('the tables replace the marked part of a page, and a missing page is created', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const page = join(folder, 'page.md');
  writeFileSync(page, '# Before\n<!-- generated: rows, by -->\nstale\n<!-- end of rows -->\nafter\n');
  const { markdown } = reportOf(request, answer(990), '5.10.262');
  const text = pageWith(page, markdown ?? '');
  t.regex(text, /^# Before\n/);
  t.regex(text, /\nafter\n$/);
  t.notRegex(text, /stale/);
  t.regex(text, /\| pipe \| ENFILE \| ENFILE \| 1,000 \/ 990 \(-1\.0 %\) \| same \|/);
  t.regex(pageWith(join(folder, 'absent.md'), markdown ?? ''), /\| pipe \|/);
});

test('docs/reference/fidelity.md has every row, all the same (if not: kmem-run fidelity --markdown docs/reference/fidelity.md)', (t) => {
  const page = readFileSync(new URL('../../../docs/reference/fidelity.md', import.meta.url), 'utf8');
  const lines = page.split('\n').filter((line) => line.startsWith('| '));
  for (const { what, kind } of rows) {
    const [line, ...more] = lines.filter((text) => text.startsWith(`| ${what} |`));
    t.deepEqual(more, [], what);
    t.regex(line ?? '', kind === 'charged' ? /\| same \|$/ : /no failure/, what);
  }
});
