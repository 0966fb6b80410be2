import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { compareRow, type RowComparison } from '../../../src/experiment/fidelity/judge.ts';
import { pageWith, reportOf } from '../../../src/experiment/fidelity/outcome.ts';
import { type ObjectRow, rows } from '../../../src/experiment/fidelity/rows.ts';
import { isSame, tableHead, tableLine, verdictText } from '../../../src/experiment/fidelity/table.ts';

const LIMIT = 1024 * 1024;
const pipe: ObjectRow = { name: 'pipe', what: 'pipe', kind: 'charged', tries: { kernel: 1, gate: 1 }, why: '' };
const request = {
  kind: 'rows',
  rows: [pipe],
  modes: ['native', 'gate'],
  limits: [LIMIT],
  reserve: 0,
  program: '',
  optional: [],
  module: null,
  reference: null,
} as const;

function readings(mode: 'native' | 'gate' | 'kernel', made: number, overshoot = 0) {
  const tries = [{ made, errno: constants.errno.ENFILE, before: 0, after: 1 }];
  const granularity = mode === 'kernel' ? 'object' : null;
  return [{ row: 'pipe', mode, granularity, limit: LIMIT, tries, overshoot, problem: null }] as const;
}

function answer(gate: number, overshoot = 0) {
  return { kind: 'rows', readings: [...readings('native', 1000), ...readings('gate', gate, overshoot)] } as const;
}

function compared(gate: number, overshoot = 0): RowComparison {
  const side = { kernel: '5.10.262', readings: answer(gate, overshoot).readings };
  return compareRow(pipe, [LIMIT], { mode: 'gate', compared: side, reference: side });
}

function report(gate: number) {
  return reportOf(request, [{ version: '5.10.262', answer: answer(gate) }]);
}

test('a line shows both counts, their difference and both errnos', (t) => {
  t.regex(tableLine(compared(990)), /^pipe +gate +1,000 +990 +-1\.0 % +ENFILE; ENFILE\n$/);
  t.regex(tableLine(compared(990, 4096)), / ENFILE; ENFILE; 4,096 over\n$/);
  const [limits, heads] = tableHead([LIMIT]).split('\n');
  t.is(limits?.length, heads?.indexOf('off') === undefined ? 0 : heads.indexOf('off') + 'off'.length);
});

test('a difference is explained below its line and listed at the end', (t) => {
  const { same, text } = report(900);
  t.false(same);
  t.is(text, 'kmem-run: gate on Linux 5.10.262: not the same: pipe (differs)\n');
  t.regex(tableLine(compared(900)), /\n {2}differs: 1 MiB: 900 objects instead of 1000, -10\.0 %\n$/);
  t.true(report(1000).same);
});

test('unmeasured rows are not the same', (t) => {
  t.false(isSame([]));
  const nothing = { compared: { kernel: '', readings: [] }, reference: { kernel: '', readings: [] } };
  const skipped = rows.map((row) => compareRow(row, [LIMIT], { mode: 'gate', ...nothing }));
  t.false(isSame(skipped));
  t.regex(verdictText(skipped), /^not the same: fork \(skipped\), /);
});

test('several kernels and modes are shown side by side, each beside the closest reference', (t) => {
  const asked = { ...request, modes: ['native', 'gate', 'kernel'] } as const;
  const { same, text, json, markdown } = reportOf(asked, [
    { version: '5.10.262', answer: answer(990) },
    {
      version: '6.1.192',
      answer: { kind: 'rows', readings: [...readings('native', 500), ...readings('kernel', 505)] },
    },
    { version: '6.1.192-custom', answer: { kind: 'rows', readings: [...readings('kernel', 400, 8192)] } },
  ]);
  t.false(same);
  t.deepEqual(text.split('\n'), [
    'kmem-run: gate on Linux 5.10.262: same errno and numbers within 5 % in 1 row that both charge',
    'kmem-run: kernel (object) on Linux 6.1.192: same errno and numbers within 5 % in 1 row that both charge',
    'kmem-run: kernel (object) on Linux 6.1.192-custom beside Linux 6.1.192: not the same: pipe (differs)',
    '',
  ]);
  t.regex(
    markdown ?? '',
    /\| what \| native, 5\.10\.262 \| native, 6\.1\.192 \| gate, 5\.10\.262 \| kernel \(object\), 6\.1\.192 \| kernel \(object\), 6\.1\.192-custom \|/,
  );
  t.regex(
    markdown ?? '',
    /\| pipe \| 1,000 ENFILE \| 500 ENFILE \| 990 ENFILE \(-1\.0 %\) \| 505 ENFILE \(\+1\.0 %\) \| \*\*differs\*\* 400 ENFILE \(-20\.0 %\), 8,192 over \|/,
  );
  t.like(json, { kernel: '5.10.262, 6.1.192, 6.1.192-custom', same: false });
});

test('a mode that works on no kernel was not compared', (t) => {
  const asked = { ...request, modes: ['native', 'gate', 'kernel'] } as const;
  const { same, text } = reportOf(asked, [{ version: '5.10.262', answer: answer(1000) }]);
  t.false(same);
  t.regex(text, /^kmem-run: kernel: not measured on any of these kernels$/m);
});

test('the tables replace the marked part of a page, and a missing page is created', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const page = join(folder, 'page.md');
  writeFileSync(page, '# Before\n<!-- generated: rows, by -->\nstale\n<!-- end of rows -->\nafter\n');
  const { markdown } = report(990);
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
