import test from 'ava';
import { reportPage } from '../../src/report/html/page.ts';
import { textReport } from '../../src/report/terminal/run.ts';
import { headline } from '../../src/result/headline.ts';
import type { Failure, Result } from '../../src/result/schema.ts';
import { errorOf, firstFailing, firstFailure, shownFailures } from '../../src/result/summary.ts';
import { failure, result } from '../fixtures/results.ts';

const refused = failure({ comm: 'node', syscall: 'io_uring_setup', errno: 'EPERM', detail: null, usage: 4096 });
const denied = failure({ comm: 'sh', syscall: 'clone', detail: null });
const note = 'io_uring_setup was refused 1 time (EPERM): its operations would bypass the gate';

/** A run with these failures; `failcnt` counts denials only. */
function run(outcome: Result['outcome'], failures: readonly Failure[]) {
  return result({
    outcome,
    failures,
    failureCounts: failures.map(({ comm, syscall, errno }) => ({ comm, syscall, errno, count: 1 })),
    kmem: { failcnt: failures.filter(({ errno }) => errno !== 'EPERM').length },
    enforcement: { notes: [note] },
  });
}

function reportOf(made: Result) {
  return textReport(made, { color: false, width: null, verbose: false, plot: true });
}

function pageOf(made: Result) {
  return reportPage([{ kind: 'run', result: made }], { script: '', version: '0' });
}

test('if the run passed, a refused io_uring_setup is a note, not a failure', (t) => {
  const made = run('passed', [refused]);
  t.deepEqual(shownFailures(made), { failures: [], failureCounts: [] });
  t.is(firstFailing(made), null);
  t.regex(headline(made), /^passed: kernel memory peaked/);
  t.notRegex(reportOf(made), /failure/);
  t.true(reportOf(made).includes(note));
  t.regex(pageOf(made), /No allocation failed\./);
  t.regex(pageOf(made), /no call failed/);
});

test('with denials present, it is neither counted nor named', (t) => {
  const made = run('passed', [refused, denied]);
  t.is(firstFailure(made), denied);
  t.regex(headline(made), /^passed, although the gate denied sh 1 allocation: /);
  t.regex(reportOf(made), / failures {5}1 in all\n +sh: 1 × clone \(ENOMEM\)\n/);
  t.regex(pageOf(made), /1 call failed\./);
});

test('if the run failed, it is listed as a possible cause', (t) => {
  const made = run('failed', [refused]);
  t.is(firstFailure(made), refused);
  t.regex(reportOf(made), /node: 1 × io_uring_setup \(EPERM\)/);
  t.regex(pageOf(made), /1 call failed\./);
  t.is(firstFailure(run('failed', [refused, denied])), denied);
});

test('io_uring_setup allowed by --allow-io-uring is a denial if it hits the limit', (t) => {
  const made = run('passed', [{ ...refused, errno: 'ENOMEM' }]);
  t.is(shownFailures(made).failures.length, 1);
});

test('a call that succeeded although an allocation was refused is no failure', (t) => {
  for (const outcome of ['passed', 'failed'] as const) {
    const made = result({
      outcome,
      failures: [failure({ syscall: 'write', errno: null, handled: true }), failure({})],
    });
    t.deepEqual(shownFailures(made).failures, [failure({})]);
    t.deepEqual(firstFailure(made), failure({}));
  }
  t.is(errorOf(failure({ errno: null, handled: true })), 'succeeded');
});
