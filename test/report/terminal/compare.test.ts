import test from 'ava';
import { compareText } from '../../../src/report/terminal/compare.ts';
import type { Result } from '../../../src/result/schema.ts';
import { compareRuns } from '../../../src/statistics/compare.ts';
import { sampleOf } from '../../../src/statistics/sample.ts';
import { profile, profiled, profileRow, rows } from '../../fixtures/profiles.ts';
import { HOSTILE_TEXT, hostile, result } from '../../fixtures/results.ts';
import { dangerous } from '../../fixtures/terminal.ts';

const plain = { color: false, width: null };

function text(a: readonly Result[], b: readonly Result[], names = ['before', 'after'], style = plain) {
  const [first, second] = [a, b].map((all) =>
    all.map((made) => sampleOf({ result: made, experimentId: null, point: null, repeat: null, label: null })),
  );
  const side = (name = '', all: readonly Result[] = []) => ({
    name,
    runs: all.length,
    commands: [...new Set(all.map(({ spec }) => spec.command.join(' ')))],
  });
  return compareText(side(names[0], a), side(names[1], b), compareRuns(first ?? [], second ?? []), style);
}

function peaked(...values: number[]) {
  return values.map((maxUsage) => result({ kmem: { maxUsage } }));
}

test('one run each: the same', (t) => {
  t.is(
    text([result()], [result()]),
    `kmem-run: the same
  A          before: 1 run of apachectl start
  B          after: 1 run of apachectl start
  limits     kmem 4,194,304 (4 MiB): same
  outcome    passed: same
  ends       exit 0: same
  kmem peak  2,637,824 (2.52 MiB): same
  failcnt    0: same
  mem peak   5,853,184 (5.58 MiB) (for information: no memory limit was requested)
`,
  );
});

test('one run each, with different peaks: cannot tell', (t) => {
  const lines = text(peaked(4096), peaked(8192)).split('\n');
  t.is(lines[0], 'kmem-run: cannot tell whether kmem peak changed: 1 run each');
  t.is(lines[6], '  kmem peak  4,096 → 8,192: cannot tell: 1 run each');
  const few = text(peaked(4096, 4096), peaked(8192)).split('\n');
  t.is(few[6], '  kmem peak  4,096 → 8,192: cannot tell: 2 runs against 1; 5 each are enough');
});

test('the spread distinguishes noise from a change', (t) => {
  const noise = text(peaked(4096, 8192, 4096), peaked(8192, 4096, 8192)).split('\n');
  t.is(noise[0], 'kmem-run: the same within the spread');
  t.is(noise[6], '  kmem peak  4,096 (4,096 to 8,192) → 8,192 (4,096 to 8,192): the same within the spread');
  const change = text(peaked(4096, 8192, 4096), peaked(81_920, 86_016, 81_920)).split('\n');
  t.is(change[0], 'kmem-run: different in kmem peak');
  t.is(change[6], '  kmem peak  4,096 (4,096 to 8,192) → 81,920 (81,920 to 86,016): different');
});

test('outcomes and calls by frequency', (t) => {
  const failed = result({
    outcome: 'failed',
    failureCounts: [{ comm: 'httpd', syscall: 'mmap', errno: 'ENOMEM', count: 3 }],
  });
  const report = text(Array(5).fill(result()), [result(), result(), result(), failed, failed]);
  t.regex(report, /^kmem-run: cannot tell whether outcome changed: more than 5 runs each are required\n/);
  t.regex(
    report,
    /\n {2}outcome {4}passed \(5 of 5\) → passed \(3 of 5\), failed \(2 of 5\): cannot tell: more than 5 runs each/,
  );
  t.regex(report, /\n {2}failing {4}httpd: mmap \(ENOMEM\) in 0 of 5 → in 2 of 5: the same within the spread\n/);
});

test('several limits: one row each, showing what differs', (t) => {
  const sweep = (peak: number) =>
    [4096, 8192, 1_048_576].flatMap((kmem) =>
      Array(3).fill(result({ spec: { limits: { kmem } }, kmem: { maxUsage: kmem === 8192 ? peak : 4096 } })),
    );
  t.is(
    text(sweep(4096), sweep(8192).slice(0, 6)),
    `kmem-run: different in kmem peak at 1 of 2 settings
  A           before: 9 runs of apachectl start
  B           after: 6 runs of apachectl start
  kmem 4 KiB  the same (3 runs each)
  kmem 8 KiB  kmem peak: 4,096 → 8,192: different
  only in A   kmem 1 MiB
`,
  );
});

test('a value that was not read is labelled', (t) => {
  const blind = result({ kmem: { maxUsage: null, failcnt: null } });
  t.regex(text([result()], [blind]), /kmem peak {2}2,637,824 → not read: cannot tell: it could not be read in B\n/);
  t.regex(text([blind], [blind]), /kmem peak {2}not read → not read: in neither\n/);
});

test('other differences follow below', (t) => {
  const other = result({ environment: { kernel: '5.10.0' } });
  t.regex(text([result()], [other]), /\n {2}note {7}kernel: 6\.18\.5 → 5\.10\.0\n$/);
});

test('hostile names are escaped', (t) => {
  const odd = { ...hostile(), outcome: HOSTILE_TEXT as never };
  for (const width of [null, 60]) {
    const shown = text([result()], [odd], [HOSTILE_TEXT, HOSTILE_TEXT], { color: false, width: width as null });
    t.deepEqual(dangerous(shown, '\n'), []);
  }
});

/** A run with this peak, and more or fewer sockets. */
function withSockets(maxUsage: number, count: number, limit?: number) {
  const more = [
    profileRow('socket inode', { atPeak: count, kernel: [0, 1], user: [2, 3, 4, 5] }),
    profileRow('fdtable', { call: 'dup', atPeak: count }),
  ];
  const { cut } = profile();
  return profiled(
    { rows: [...rows, ...more], cut: { ...cut, rows: 0, atPeak: { objects: 0, bytes: 0 } } },
    { kmem: { maxUsage }, ...(limit === undefined ? {} : { spec: { limits: { kmem: limit } } }) },
  );
}

test('what made the peak grow', (t) => {
  const lines = text([withSockets(700_000, 1)], [withSockets(900_000, 85)]).split('\n');
  t.deepEqual(lines.slice(6, 11), [
    '  kmem peak  700,000 → 900,000: cannot tell: 1 run each',
    '             of which socket inode +84 KiB by accept4',
    '             of which fdtable +84 KiB by dup',
    '             not compared: epitem (releases not seen)',
    '  grown      socket inode +84 KiB by accept4, in accept4 ← listener_thread ← apache2+0x421f0 ← …',
  ]);
  t.regex(lines[11] ?? '', /^ {2}failcnt /);
  for (const [a, b] of [
    [withSockets(700_000, 1), withSockets(700_000, 85)],
    [withSockets(900_000, 1), withSockets(700_000, 85)],
    [withSockets(700_000, 1), result({ kmem: { maxUsage: 900_000 } })],
  ] as const)
    t.notRegex(text([a], [b]), /of which|grown/);
});

test('at most five kinds and stacks, also of hostile names, and what is not listed', (t) => {
  const grown = Array.from({ length: 8 }, (_, index) =>
    profileRow(`${HOSTILE_TEXT}${index}`, { call: HOSTILE_TEXT, atPeak: 10 - index, user: [6] }),
  );
  const made = text([profiled({ rows: [] })], [profiled({ rows: grown }, { kmem: { maxUsage: 9_000_000 } })]);
  t.deepEqual(dangerous(made, '\n'), []);
  t.is(made.match(/of which /g)?.length, 5);
  t.is(made.match(/, in /g)?.length, 5);
  // The profiles do not list 3 KiB, which is all that the last one grew by.
  t.regex(made, /\n {13}and 2 other kinds: \+9 KiB\n {13}not listed by the profiles: 3 KiB → 3 KiB\n/);
  t.regex(made, /\n {13}and 2 other stacks: \+9 KiB\n/);
});

test('of several settings, those whose peak grew', (t) => {
  const side = (count: number) => [
    withSockets(700_000, 1, 1_048_576),
    withSockets(700_000 + 1000 * count, count, 2_097_152),
  ];
  const lines = text(side(1), side(85)).split('\n');
  const at = lines.findIndex((line) => line.includes('kmem 2 MiB'));
  t.regex(lines[at] ?? '', /kmem peak: 701,000 → 785,000: cannot tell/);
  t.regex(lines[at + 1] ?? '', /^ +of which socket inode \+84 KiB by accept4$/);
  t.is(lines.join('\n').match(/of which socket inode/g)?.length, 1);
});
