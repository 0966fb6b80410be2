import test from 'ava';
import { compileExpectation, implicitExpectations } from '../../src/request/expect.ts';
import { decideOutcome, exitStatus, type OutcomeFacts } from '../../src/result/outcome.ts';
import type { Result } from '../../src/result/schema.ts';
import { apacheStopFails, expectation, result, setupError, step } from '../fixtures/results.ts';

function exited(code: number) {
  return step('x', { exit: { code, signal: null } });
}

function killed(signal: string) {
  return step('x', { exit: { code: null, signal } });
}

const unseen = step('x', { exit: { code: null, signal: null } });
const held = expectation('a', { passed: true });
const broken = expectation('b', { passed: false });

/** Outcome and status of a run, determined as in run.ts and the CLI. */
function verdict(changes: Partial<Result>, interruptSignal: string | null = null): [string, number] {
  const made = { ...result(), ...changes };
  const outcome = decideOutcome(made);
  return [outcome, exitStatus({ ...made, outcome }, interruptSignal)];
}

const killedByOom = { ...result().mem, oomKills: 1 };
const lost = setupError().error;

test('without expectations: the first step that did not exit 0 gives the status', (t) => {
  t.deepEqual(verdict({ steps: [exited(0), exited(0)] }), ['passed', 0]);
  t.deepEqual(verdict({ steps: [exited(0), exited(3), exited(4)] }), ['failed', 3]);
  t.deepEqual(verdict({ steps: [killed('SIGSEGV')] }), ['signaled', 139]);
  t.deepEqual(verdict({ steps: [exited(0), killed('SIGKILL'), exited(5)] }), ['signaled', 137]);
  t.deepEqual(verdict({ steps: [exited(2), killed('SIGSEGV')] }), ['signaled', 2]);
  t.deepEqual(verdict({ steps: [killed('SIGRTMIN+3')] }), ['signaled', 165]);
  t.deepEqual(verdict({ steps: [exited(126)] }), ['failed', 126]);
  t.deepEqual(verdict({ steps: [exited(127)] }), ['failed', 127]);
});

test('an unobserved end is neither a pass nor a status of the command', (t) => {
  t.deepEqual(verdict({ steps: [unseen] }), ['failed', 125]);
  t.deepEqual(verdict({ steps: [exited(0), unseen] }), ['failed', 125]);
});

test('no steps and no error: a setup error', (t) => {
  t.deepEqual(verdict({ steps: [] }), ['setup-error', 125]);
});

test('explicit expectations decide: 0 if all hold, otherwise 122', (t) => {
  t.deepEqual(verdict({ expectations: [held] }), ['passed', 0]);
  t.deepEqual(verdict({ expectations: [held, broken] }), ['expectation', 122]);
  t.deepEqual(verdict({ expectations: [held], steps: [killed('SIGSEGV')] }), ['passed', 0]);
  t.deepEqual(verdict({ expectations: [broken], steps: [exited(7)] }), ['expectation', 122]);
});

test('an implicit expectation counts only with an explicit one', (t) => {
  const implicit = { ...broken, implicit: true };
  t.deepEqual(verdict({ expectations: [held, implicit], steps: [exited(9)] }), ['expectation', 122]);
  t.deepEqual(verdict({ expectations: [implicit], steps: [exited(9)] }), ['failed', 9]);
  t.deepEqual(verdict({ expectations: [{ ...held, implicit: true }] }), ['passed', 0]);
});

test('the original experiment: the stop is expected to fail', (t) => {
  const expressions = ['steps[2].exit!=0', 'failcnt>0'];
  const judged = (made: Result) => {
    const explicit = expressions.map(compileExpectation);
    const facts = { result: made, stdout: null, stderr: null };
    const judge = (implicit: boolean) => (asked: (typeof explicit)[number]) => ({
      expr: asked.expr,
      step: null,
      implicit,
      ...asked.evaluate(facts),
    });
    return [...explicit.map(judge(false)), ...implicitExpectations(made.steps.length, explicit).map(judge(true))];
  };

  const asMeant = apacheStopFails();
  t.deepEqual(
    asMeant.steps.map(({ exit }) => exit.code),
    [0, 0, 1],
  );
  t.deepEqual(verdict({ ...asMeant, expectations: judged(asMeant) }), ['passed', 0]);

  const stopWorks = { ...asMeant, steps: [exited(0), exited(0), exited(0)] };
  t.deepEqual(verdict({ ...stopWorks, expectations: judged(stopWorks) }), ['expectation', 122]);

  const noPage = { ...asMeant, steps: [exited(0), exited(7), exited(1)] };
  t.deepEqual(verdict({ ...noPage, expectations: judged(noPage) }), ['expectation', 122]);

  const nothingDenied = { ...asMeant, kmem: { ...asMeant.kmem, failcnt: 0 } };
  t.deepEqual(verdict({ ...nothingDenied, expectations: judged(nothingDenied) }), ['expectation', 122]);
});

test('precedence: setup-error > interrupted > timeout > oom > expectation > signaled > failed > passed', (t) => {
  const everything: Partial<Result> = {
    error: lost,
    mem: killedByOom,
    expectations: [broken],
    steps: [exited(1), killed('SIGSEGV')],
  };
  t.is(verdict({ ...everything, terminationReason: 'interrupted' })[0], 'setup-error');
  t.is(verdict({ ...everything, error: null, terminationReason: 'interrupted' })[0], 'interrupted');
  t.is(verdict({ ...everything, error: null, terminationReason: 'walltime' })[0], 'timeout');
  t.is(verdict({ ...everything, error: null })[0], 'oom');
  t.is(verdict({ ...everything, error: null, mem: result().mem })[0], 'expectation');
  t.is(verdict({ ...everything, error: null, mem: result().mem, expectations: [] })[0], 'signaled');
  t.is(verdict({ steps: [exited(1)] })[0], 'failed');
  t.is(verdict({})[0], 'passed');
});

test('kmem-run’s own exit statuses', (t) => {
  t.deepEqual(verdict({ terminationReason: 'walltime', steps: [killed('SIGTERM')] }), ['timeout', 124]);
  t.deepEqual(verdict({ terminationReason: 'walltime', expectations: [held] }), ['timeout', 124]);
  t.deepEqual(verdict({ terminationReason: 'livelock', steps: [killed('SIGKILL')] }), ['timeout', 124]);
  t.deepEqual(verdict({ terminationReason: 'overrun', steps: [killed('SIGKILL')] }), ['oom', 137]);
  t.deepEqual(verdict({ terminationReason: 'gate-lost', steps: [exited(0)] }), ['setup-error', 125]);
  t.deepEqual(verdict({ terminationReason: 'vm-lost', steps: [exited(0)] }), ['setup-error', 125]);
  t.deepEqual(verdict({ error: lost, steps: [] }), ['setup-error', 125]);
});

test('a command that cannot be started has the shell’s status', (t) => {
  const error = (code: string) => ({ code, message: 'm', hint: 'h' });
  t.deepEqual(verdict({ error: error('command-not-found'), steps: [] }), ['setup-error', 127]);
  t.deepEqual(verdict({ error: error('not-executable'), steps: [] }), ['setup-error', 126]);
});

test('an interrupted run has the status of its signal', (t) => {
  const interrupted = { terminationReason: 'interrupted', steps: [killed('SIGTERM')] } as const;
  t.deepEqual(verdict(interrupted, 'SIGHUP'), ['interrupted', 129]);
  t.deepEqual(verdict(interrupted, 'SIGINT'), ['interrupted', 130]);
  t.deepEqual(verdict(interrupted, 'SIGTERM'), ['interrupted', 143]);
  t.deepEqual(verdict(interrupted, null), ['interrupted', 143]);
  t.deepEqual(verdict({ ...interrupted, steps: [], expectations: [held] }, 'SIGINT'), ['interrupted', 130]);
});

test('OOM kills decide the outcome; steps or expectations decide the status', (t) => {
  t.deepEqual(verdict({ mem: killedByOom, steps: [killed('SIGKILL')] }), ['oom', 137]);
  t.deepEqual(verdict({ mem: killedByOom }), ['oom', 123]);
  t.deepEqual(verdict({ mem: killedByOom, expectations: [held] }), ['oom', 0]);
  t.deepEqual(verdict({ mem: killedByOom, expectations: [broken] }), ['oom', 122]);
  t.deepEqual(verdict({ mem: { ...killedByOom, oomKills: null } }), ['passed', 0]);
});

test('the outcome needs only facts, not a whole result', (t) => {
  const facts: OutcomeFacts = {
    error: null,
    terminationReason: null,
    mem: { oomKills: null },
    expectations: [],
    steps: [exited(0)],
  };
  t.is(decideOutcome(facts), 'passed');
});
