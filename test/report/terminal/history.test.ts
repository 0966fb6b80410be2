import test from 'ava';
import { type HistoryEntry, historyText, localTime } from '../../../src/report/terminal/history.ts';
import type { RunSummary, StoredExperiment } from '../../../src/store/types.ts';
import { columns } from '../../../src/text/visible.ts';
import { HOSTILE_TEXT } from '../../fixtures/results.ts';
import { dangerous } from '../../fixtures/terminal.ts';

process.env.TZ = 'UTC';

function run(changes: Partial<RunSummary> = {}): HistoryEntry {
  return {
    kind: 'run',
    run: {
      id: '31a4467ea2d1',
      experimentId: null,
      point: null,
      repeat: null,
      label: null,
      startedAt: '2025-01-02T03:04:05.678Z',
      command: 'apachectl start',
      outcome: 'passed',
      kmemLimit: 4_194_304,
      maxUsage: 2_637_824,
      failcnt: 0,
      firstFailing: null,
      kernel: '6.18.5',
      mode: 'gate',
      layout: 'hybrid',
      ...changes,
    },
  };
}

function sweep(changes: Partial<StoredExperiment> = {}): HistoryEntry {
  return {
    kind: 'experiment',
    experiment: {
      id: 'sweep1',
      kind: 'sweep',
      command: ['true'],
      spec: null,
      seed: 1,
      startedAt: '2025-01-02T03:04:05.678Z',
      status: 'done',
      summary: null,
      runs: 2000,
      ...changes,
    },
  };
}

const plain = { color: false, width: null };

test('each run and each experiment has one line', (t) => {
  t.is(
    historyText([run(), run({ outcome: 'failed', kmemLimit: null, maxUsage: null, failcnt: 1234 }), sweep()], plain),
    `id            started              outcome                  limit  peak      failcnt  command
31a4467ea2d1  2025-01-02 03:04:05  passed                   4 MiB  2.52 MiB  0        apachectl start
31a4467ea2d1  2025-01-02 03:04:05  failed                   none   not read  1,234    apachectl start
sweep1        2025-01-02 03:04:05  sweep, done, 2,000 runs                            true
`,
  );
});

test('labels have a column if there are any', (t) => {
  t.regex(
    historyText([run({ label: 'before' }), run()], plain),
    /^id .* failcnt {2}label {3}command\n.* 0 {8}before {2}apachectl/,
  );
});

test('the command is cut to the width of the terminal', (t) => {
  const lines = historyText([run({ command: 'x'.repeat(500) })], { color: false, width: 90 }).split('\n');
  t.deepEqual(
    lines.slice(1, 2).map((line) => line.length),
    [90],
  );
  t.true(lines[1]?.endsWith('x…'));
});

test('no results: a sentence', (t) => {
  t.is(historyText([], plain), 'no saved results match\n');
});

test('no saved text reaches the terminal as a control character', (t) => {
  const odd = HOSTILE_TEXT as never;
  const entries = [
    run({ id: odd, command: odd, outcome: odd, label: odd, startedAt: odd }),
    sweep({ id: odd, kind: odd, status: odd, command: [odd], startedAt: odd }),
  ];
  for (const style of [plain, { color: false, width: 80 }])
    t.deepEqual(dangerous(historyText(entries, style), '\n'), []);
});

test('times are in the reader’s time zone', (t) => {
  t.is(localTime('2025-12-31T23:59:59.999Z'), '2025-12-31 23:59:59');
  t.is(localTime('yesterday'), 'yesterday');
});

test('if little room is left, the command has its own line, and no line is too wide', (t) => {
  const runs = [run({ command: `你好 ${'x'.repeat(500)}`, label: 'before' }), run({ command: 'true', label: null })];
  const [head, second, ...lines] = historyText(runs, { color: false, width: 80 }).trimEnd().split('\n');
  t.regex(head ?? '', /^id .* label$/);
  t.is(second, '  command');
  t.is(lines.length, 4);
  t.is(lines[1], `  你好 ${'x'.repeat(72)}…`);
  t.is(lines[3], '  true');
  for (const width of [40, 60, 80, 100, 200]) {
    for (const line of historyText(runs, { color: false, width }).split('\n')) t.true(columns(line) <= width, line);
  }
});
