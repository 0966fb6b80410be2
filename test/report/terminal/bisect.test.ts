import test from 'ava';
import type { BisectAnswer, BisectReport } from '../../../src/experiment/bisect/report.ts';
import { bisectText } from '../../../src/report/terminal/bisect.ts';
import { experimentFacts } from '../../fixtures/experiment-facts.ts';
import { profile } from '../../fixtures/profiles.ts';
import { apacheStopFails, HOSTILE_TEXT, hostile } from '../../fixtures/results.ts';

const PAGE = 4096;
function trial(limit: number, passed: boolean, phase: string) {
  return {
    limit,
    phase,
    id: 'x',
    passed,
    outcome: passed ? ('passed' as const) : ('failed' as const),
    peak: 1,
    failcnt: 0,
    wallMs: 1,
  };
}

const report: BisectReport = {
  ...experimentFacts,
  kind: 'bisect',
  answer: { kind: 'found', passesAt: 2_637_824, failsAt: 2_633_728, between: [], surprises: [] },
  confirm: 3,
  pageSize: PAGE,
  unlimited: { runs: 1, passed: 1, peak: 2_641_920 },
  runs: 5,
  trials: [
    trial(2_670_592, true, 'bracket'),
    trial(2_637_824, true, 'search'),
    trial(2_633_728, false, 'confirm'),
    trial(100 * PAGE, false, 'audit'),
  ],
  justBelow: { limit: 2_633_728, result: apacheStopFails() },
};

function text(changes: Partial<BisectReport> = {}) {
  return bisectText({ ...report, ...changes }, { color: false, width: null });
}

function sentence(answer: BisectAnswer, changes: Partial<BisectReport> = {}) {
  return text({ answer, ...changes }).split('\n')[0];
}

test('reports the limit, what failed just below it, and the runs behind it', (t) => {
  t.is(
    text(),
    `kmem-run: apachectl start passes at 2,637,824, fails at 2,633,728 (3/3 each)
  limit       2.52 MiB (2,637,824), to the page
  no limit    passes, and peaks at 2.52 MiB (2,641,920)
  just below  at 2,633,728: passed: all 4 expectations hold; kernel memory peaked at 2.52 MiB of 2.5 MiB; the gate denied 4 allocations
              4 in all
              apache2: 3 × mmap of /usr/lib/apache2/modules/*.so (ENOMEM), 1 × openat of /etc/apache2/apache2.conf (ENOMEM)
  runs        5: 1 without a limit, 2 to find it, 1 to confirm it, 1 to check that passing is monotonic; 1 warm-up; at most 30 s a run; saved as 31a4467ea2d1
`,
  );
});

test('names what filled the room just below the limit', (t) => {
  const result = { ...apacheStopFails(), profile: profile() };
  const lines = text({ justBelow: { limit: 2_633_728, result } }).split('\n');
  const at = lines.findIndex((line) => line.startsWith('  profile'));
  t.regex(lines[at + 1] ?? '', /^ +socket inode [\d.]+ KiB in 320 objects, by accept4 of apache2$/);
  t.true(lines.findIndex((line) => line.startsWith('  just below')) < at);
});

test('no other answer gives a false number', (t) => {
  const count = (pages: number, passed: number, runs = 4) => ({ limit: pages * PAGE, passed, runs });
  t.is(
    sentence({ kind: 'always', passesAt: PAGE, surprises: [] }),
    'kmem-run: apachectl start passes at 4,096 (3/3), the smallest limit to try',
  );
  t.is(sentence({ kind: 'never', upTo: null }), 'kmem-run: apachectl start does not pass without a limit either');
  t.is(sentence({ kind: 'never', upTo: 8192 }), 'kmem-run: apachectl start fails at every limit tried, up to 8,192');
  t.is(
    sentence({ kind: 'not-monotonic', passes: count(10, 4), fails: count(20, 0), from: null }),
    'kmem-run: apachectl start has no smallest limit: it passes at 40,960 (4/4), but fails at 81,920 (0/4), a higher limit',
  );
  t.regex(
    sentence({ kind: 'noisy', passesAt: null, failsAt: null, between: [] }) ?? '',
    /results vary at every limit tried$/,
  );
  t.regex(
    sentence({ kind: 'noisy', passesAt: 8192, failsAt: null, between: [] }) ?? '',
    /passes at 8,192, and results vary below that limit$/,
  );
  t.regex(
    sentence({ kind: 'noisy', passesAt: null, failsAt: 8192, between: [] }) ?? '',
    /fails at 8,192, and results vary above that limit$/,
  );
  t.regex(
    sentence({ kind: 'unfinished', passesAt: null, failsAt: null }, { trials: [] }) ?? '',
    /nothing is known yet$/,
  );
  t.regex(
    sentence({ kind: 'unfinished', passesAt: 8192, failsAt: 4096 }) ?? '',
    /so far it passes at 8,192, fails at 4,096, not confirmed$/,
  );
});

test('not monotonic: reports from which limit on it always passed', (t) => {
  const passes = { limit: 10 * PAGE, passed: 10, runs: 10 };
  const fails = { limit: 20 * PAGE, passed: 0, runs: 4 };
  const told = text({ answer: { kind: 'not-monotonic', passes, fails, from: 21 * PAGE } });
  t.regex(told, /^ {2}from {8}84 KiB \(86,016\), and passed at every higher limit tried$/m);
});

test('an unsteady limit is reported with its zone and any surprises elsewhere', (t) => {
  const between = [{ limit: 101 * PAGE, passed: 1, runs: 4 }];
  const surprises = [{ limit: 300 * PAGE, passed: 3, runs: 4 }];
  const told = text({ answer: { kind: 'found', passesAt: 102 * PAGE, failsAt: 100 * PAGE, between, surprises } });
  t.regex(told, /passes at 417,792, fails at 409,600 \(3\/3 each\); between them results vary\n/);
  t.regex(told, /limit {7}408 KiB \(417,792\); results vary in the 1 page below it\n/);
  t.regex(told, /between {5}413,696 \(1\/4\)\n/);
  t.regex(told, /elsewhere {3}unexpected: 1,228,800 \(3\/4\)\n/);
});

test('stopped: how to resume', (t) => {
  t.regex(text({ status: 'stopped' }), /^ {2}resume {6}kmem-run bisect --resume 31a4467ea2d1$/m);
  t.notRegex(text({ status: 'failed', runs: 0 }), /resume|saved as/);
});

test('no program-chosen text reaches the terminal as a control character', (t) => {
  const told = text({
    command: [HOSTILE_TEXT],
    warnings: [HOSTILE_TEXT],
    justBelow: { limit: PAGE, result: hostile() },
  });
  t.notRegex(told, /[^\P{C}\n]/u);
});
