import test from 'ava';
import { type Survival, survivalOf } from '../../../src/experiment/survival.ts';
import type { SweepPoint, SweepReport } from '../../../src/experiment/sweep/report.ts';
import { experimentJson, spreadText } from '../../../src/report/terminal/experiment.ts';
import { survivalText } from '../../../src/report/terminal/survival.ts';
import { sweepText } from '../../../src/report/terminal/sweep.ts';
import { formatSize } from '../../../src/request/size.ts';
import { exactSize } from '../../../src/text/figures.ts';
import { experimentFacts } from '../../fixtures/experiment-facts.ts';
import { HOSTILE_TEXT } from '../../fixtures/results.ts';

const K = 1024;
const M = K * K;

function spread(min: number, median: number, max: number) {
  return { runs: 5, min, median, max };
}

const call = { comm: 'apache2', syscall: 'mmap', errno: 'ENOMEM', detail: '/usr/lib/x.so', runs: 5 };

function point(kmem: number, passed: number, changes: Partial<SweepPoint> = {}): SweepPoint {
  return {
    settings: { kmem },
    runs: 5,
    passed,
    outcomes: { passed, failed: 5 - passed },
    failcnt: passed === 5 ? spread(0, 0, 0) : spread(2, 12, 40),
    peak: spread(2 * M, 2.5 * M, 2.52 * M),
    wallMs: spread(100, 101, 102),
    firstCalls: passed === 5 ? [] : [{ ...call, runs: 5 - passed }],
    figures: [],
    ...changes,
  };
}

const report: SweepReport = {
  ...experimentFacts,
  kind: 'sweep',
  seed: 42,
  repeat: 5,
  jobs: [[1], [0]],
  runs: { planned: 15, made: 15 },
  axes: ['kmem'],
  points: [point(M, 0), point(2 * M, 2), point(2_637_824, 5)],
};

const plain = { color: false, width: null };

test('a row for each point, and the curve', (t) => {
  t.is(
    sweepText(report, plain),
    `kmem-run: 15 runs at 3 points of apachectl start

  kmem       runs  passed  failcnt    peak                      first failing call
  1 MiB         5       0  12 (2–40)  2.5 MiB (2 MiB–2.52 MiB)  apache2: mmap /usr/lib/x.so (ENOMEM)
  2 MiB         5       2  12 (2–40)  2.5 MiB (2 MiB–2.52 MiB)  apache2: mmap ×3 /usr/lib/x.so (ENOMEM)
  2,637,824     5       5  0          2.5 MiB (2 MiB–2.52 MiB)

  runs that pass
  100 % │            ██████
        │            ██████
        │      ▅▅▅▅▅▅██████
    0 % ┤▁▁▁▁▁▁████████████
         1 MiB    2,637,824

  seed     42; 2 jobs on CPU 1, 0; 1 warm-up; at most 30 s a run; saved as 31a4467ea2d1
`,
  );
});

test('--plot: the plot below replaces the curve', (t) => {
  const [table = '', curve = '', notes = ''] = sweepText(report, plain).split('\n\n').slice(1);
  t.regex(curve, /runs that pass/);
  const [, plottedTable, plottedNotes, plot] = sweepText(report, { ...plain, plot: true }).split('\n\n');
  t.deepEqual([plottedTable, `${plottedNotes}\n`], [table, notes]);
  t.is(plot, survivalText(survivalOf(report) as Survival, plain));
  t.regex(plot ?? '', / {9}1 MiB +2 MiB +2,637,824\n$/);
});

test('in 80 columns no line of the table or curve is wider; the last column is cut', (t) => {
  const lines = sweepText(report, { color: false, width: 80 }).split('\n');
  for (const line of lines) t.true([...line].length <= 80, line);
  t.true(lines.some((line) => line.endsWith('…')));
});

test('several settings: a column each, and a curve for each combination', (t) => {
  const points = [null, '5.10'].flatMap((kernel) =>
    [M, 2 * M].map((kmem) =>
      point(kmem, kernel === null && kmem === M ? 0 : 5, { settings: { kernel, kmem, pids: 10 } }),
    ),
  );
  const text = sweepText({ ...report, axes: ['kernel', 'kmem', 'pids'], points }, plain);
  t.regex(text, /^ {2}kernel {2}kmem {3}pids {2}runs/m);
  t.regex(text, /^ {2}host {4}1 MiB {2}10 /m);
  t.regex(text, /^ {2}host 10 ┤▁▁▁▁▁▁██████$/m);
  t.regex(text, /^ {2}5\.10 10 ┤████████████$/m);
});

test('stopped: how many runs were made, how to resume, and points without runs', (t) => {
  const none = point(M, 0, { runs: 0, failcnt: null, peak: null, wallMs: null, firstCalls: [] });
  const text = sweepText(
    { ...report, status: 'stopped', runs: { planned: 15, made: 10 }, points: [none, ...report.points.slice(1)] },
    plain,
  );
  t.regex(text, /^kmem-run: 10 of 15 runs at 3 points/);
  t.regex(text, /^ {2}resume {3}kmem-run sweep --resume 31a4467ea2d1$/m);
  t.regex(text, /^ {2}1 MiB {9}0 {7}0 {2}- +-$/m);
  t.regex(text, /┤······/);
});

test('a limit other than kmem has a column only if it was hit', (t) => {
  const none = { oomKills: spread(0, 0, 0), pids: spread(0, 0, 0), kmemTcp: null };
  const hit = point(M, 0, { hits: { ...none, oomKills: spread(1, 1, 2), pids: spread(0, 4, 9) } });
  const text = sweepText({ ...report, points: [hit, point(2 * M, 2, { hits: none })] }, plain);
  t.regex(text, /^ {2}kmem {3}runs {2}passed {2}failcnt {4}OOM kills {2}pids failcnt {2}peak/m);
  t.regex(text, /^ {2}1 MiB {5}5 {7}0 {2}12 \(2–40\) {2}1 \(1–2\) {4}4 \(0–9\) {7}2\.5 MiB/m);
  t.regex(text, /^ {2}2 MiB .* {2}12 \(2–40\) {2}0 {10}0 {13}2\.5 MiB/m);
  t.notRegex(text, /TCP/);
  t.notRegex(sweepText({ ...report, points: [point(2 * M, 2, { hits: none })] }, plain), /OOM|pids/);
});

test('warnings and the error that ended it', (t) => {
  const error = { code: 'boom', message: 'it broke', hint: 'mend it' };
  const text = sweepText({ ...report, status: 'failed', warnings: ['one', 'two'], error }, plain);
  t.regex(text, /^ {2}warning {2}one\n {11}two\n {2}error {4}it broke\n {11}hint: mend it\n$/m);
});

test('no program-chosen text reaches the terminal as a control character', (t) => {
  const firstCalls = [
    { ...call, comm: HOSTILE_TEXT, detail: HOSTILE_TEXT, errno: HOSTILE_TEXT, syscall: HOSTILE_TEXT },
  ];
  const hostile: SweepReport = {
    ...report,
    command: [HOSTILE_TEXT],
    warnings: [HOSTILE_TEXT],
    axes: ['kernel'],
    points: [
      point(M, 0, { firstCalls, settings: { kernel: HOSTILE_TEXT } }),
      point(M, 1, { settings: { kernel: null } }),
    ],
  };
  for (const width of [null, 80]) t.notRegex(sweepText(hostile, { color: false, width }), /[^\P{C}\n]/u);
  t.notRegex(experimentJson(hostile), /[^\P{Cc}\n]/u);
  t.deepEqual(JSON.parse(experimentJson(hostile)), hostile);
});

test('prints an exact size to copy', (t) => {
  t.is(exactSize(M), '1 MiB');
  t.is(exactSize(2_637_824), '2,637,824');
  t.is(exactSize(2.5 * M), '2.5 MiB');
  t.is(exactSize(4096), '4 KiB');
  t.is(exactSize(3 * K * M + 4096), '3,221,229,568');
});

test('a spread', (t) => {
  t.is(spreadText(null, formatSize), '-');
  t.is(spreadText(spread(1, 1, 1), String), '1');
  t.is(spreadText(spread(1, 2.5, 4), String), '3 (1–4)');
});

test('what filled the room is shown for the highest limit at which a run failed', (t) => {
  const filled = (what: string) => [{ what, by: 'by clone of sh', objects: 1000, bytes: 16 * K }];
  const points = [point(M, 0, { filled: filled('low') }), point(2 * M, 2, { filled: filled('task') }), point(3 * M, 5)];
  const text = sweepText({ ...report, points }, plain);
  t.regex(
    text,
    /^ {2}profile {2}of a run that failed at 2 MiB \(2,097,152\):\n +task 16 KiB in 1,000, by clone of sh$/m,
  );
  t.notRegex(text, /low/);
  t.notRegex(sweepText(report, plain), /profile/);
  const hostile = sweepText({ ...report, points: [point(M, 0, { filled: filled(HOSTILE_TEXT) })] }, plain);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not reach the terminal
  t.notRegex(hostile, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});
