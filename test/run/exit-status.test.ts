import test from 'ava';
import { makeHarness } from '../harness.ts';

function sh(line: string) {
  return ['--', 'sh', '-c', line];
}

const own: readonly (readonly [title: string, args: readonly string[], status: number, outcome: string])[] = [
  ['success', ['--', 'true'], 0, 'passed'],
  ['failure', ['--', 'false'], 1, 'failed'],
  ['a code of its own', sh('exit 77'), 77, 'failed'],
  ['the highest code', sh('exit 255'), 255, 'failed'],
  ['a code that looks like one of ours', sh('exit 124'), 124, 'failed'],
  ['a code that looks like a setup error', sh('exit 125'), 125, 'failed'],
  ['a code that looks like a signal', sh('exit 137'), 137, 'failed'],
  ['SIGKILL', sh('kill -KILL $$'), 137, 'signaled'],
  ['SIGSEGV', sh('kill -SEGV $$'), 139, 'signaled'],
  ['SIGTERM', sh('kill -TERM $$'), 143, 'signaled'],
  ['SIGINT', sh('kill -INT $$'), 130, 'signaled'],
  ['a real-time signal', sh('kill -40 $$'), 168, 'signaled'],
  ['the first step that failed', ['--then', 'exit 5', '--then', 'exit 6', '--', 'true'], 5, 'failed'],
  ['the command before a step', ['--then', 'exit 5', '--then', 'true', ...sh('exit 4')], 4, 'failed'],
  ['a step that died of a signal', ['--then', 'kill -USR1 $$', '--', 'true'], 138, 'signaled'],
];

for (const [title, args, status, outcome] of own) {
  for (const limit of [[], ['--kmem', '4M']]) {
    test.serial(`the status is the command’s${limit.length ? ', under a limit' : ''}: ${title}`, async (t) => {
      const harness = makeHarness(t);
      const ran = await harness.run([...limit, '--quiet', ...args]);
      t.deepEqual([ran.status, ran.result?.outcome, ran.stderr], [status, outcome, '']);
      t.is(ran.result?.terminationReason, null);
      harness.assertNothingLeft();
    });
  }
}

test.serial('exits and signals with the same status are distinguished', async (t) => {
  const { run } = makeHarness(t);
  const killed = await run(sh('kill -KILL $$'));
  const exited = await run(sh('exit 137'));
  t.deepEqual(killed.result?.exit, { code: null, signal: 'SIGKILL' });
  t.deepEqual(exited.result?.exit, { code: 137, signal: null });
});

const expecting: readonly (readonly [title: string, args: readonly string[], status: number])[] = [
  ['one that holds', ['--expect', 'exit==0', '--', 'true'], 0],
  ['one that does not hold', ['--expect', 'exit==0', '--', 'false'], 122],
  ['a failure that is expected', ['--expect', 'exit==3', ...sh('exit 3')], 0],
  ['a failure that did not come', ['--expect', 'exit!=0', '--', 'true'], 122],
  ['about something else, while the command fails', ['--expect', 'failcnt==0', ...sh('exit 3')], 122],
  ['about something else, while the command succeeds', ['--expect', 'failcnt==0', '--', 'true'], 0],
  ['several, of which one does not hold', ['--expect', 'exit==0', '--expect', 'failcnt>0', '--', 'true'], 122],
  ['a step that is meant to fail', ['--then', 'exit 1', '--expect', 'steps[1].exit!=0', '--', 'true'], 0],
  ['a step that was meant to fail', ['--then', 'true', '--expect', 'steps[1].exit!=0', '--', 'true'], 122],
  [
    'a step that is meant to fail, and another that is not',
    ['--then', 'exit 1', '--then', 'exit 1', '--expect', 'steps[1].exit!=0', '--', 'true'],
    122,
  ],
  ['a step by its signal’s status', ['--expect', 'exit==137', ...sh('kill -KILL $$')], 0],
  ['the command as step 0', ['--expect', 'steps[0].exit==4', ...sh('exit 4')], 0],
  ['a signal where success is implied', ['--expect', 'failcnt==0', ...sh('kill -KILL $$')], 122],
];

for (const [title, args, status] of expecting) {
  test.serial(`an expectation decides: ${title}`, async (t) => {
    const harness = makeHarness(t);
    const ran = await harness.run(['--kmem', '4M', ...args]);
    t.is(ran.status, status, ran.stderr);
    t.is(ran.result?.outcome, status === 0 ? 'passed' : 'expectation');
    harness.assertNothingLeft();
  });
}

test.serial('implied expectations are listed, except for steps named explicitly', async (t) => {
  const { run } = makeHarness(t);
  const args = ['--then', 'exit 1', '--then', 'true', '--expect', 'steps[1].exit!=0', '--', 'true'];
  const { result } = await run(args);
  t.deepEqual(
    result?.expectations.map(({ expr, implicit, passed, actual }) => [expr, implicit, passed, actual]),
    [
      ['steps[1].exit!=0', false, true, 1],
      ['exit==0', true, true, 0],
      ['steps[2].exit==0', true, true, 0],
    ],
  );
});

test.serial('without an expectation none is implied', async (t) => {
  const { result } = await makeHarness(t).run(['--', 'false']);
  t.deepEqual(result?.expectations, []);
});

test.serial('a denial is a named failure, and an expectation can require it', async (t) => {
  const harness = makeHarness(t);
  const expectations = ['--expect', 'failcnt>0', '--expect', 'exit!=0', '--expect', 'stderr~/Cannot allocate memory/'];
  const ran = await harness.run(['--kmem', '140K', ...expectations, ...sh('cat /absent/one')]);
  t.is(ran.status, 0, ran.stderr);
  t.true(
    ran.result?.failures.some(({ comm, syscall, errno }) => comm === 'sh' && syscall !== '' && errno === 'ENOMEM'),
  );
  harness.assertNothingLeft();
});
