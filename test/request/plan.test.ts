import test from 'ava';
import { compileStepExpectation } from '../../src/request/expect.ts';
import { normaliseSpec, type PlanInput, type StepInput } from '../../src/request/normalise.ts';
import { lineOf } from '../../src/request/read-plan.ts';
import { refused } from './refusal.ts';

const CWD = '/tmp';
function planOf(...plan: StepInput[]) {
  return normaliseSpec({ plan, cwd: CWD }).plan;
}

function wrong(...plan: object[]) {
  return () => normaliseSpec({ plan: plan as StepInput[], cwd: CWD });
}

const program = {
  command: ['sh', '-c', 'true'],
  env: {},
  cwd: null,
  background: false,
  ready: null,
  stop: 'SIGTERM',
  stops: null,
};
const plain = { name: null, expect: [], timeoutMs: null };

test('every kind of step, with its defaults', (t) => {
  t.deepEqual(
    planOf(
      { run: 'true' },
      { run: ['ab', '-n', '10'], outside: true },
      { http: 'http://127.0.0.1:80/' },
      { signal: 'term' },
      { limits: { kmem: '1M', pids: null } },
      { wait: '500ms' },
    ),
    [
      { kind: 'command', ...plain, ...program },
      { kind: 'outside', ...plain, ...program, command: ['ab', '-n', '10'] },
      { kind: 'http', ...plain, method: 'GET', url: 'http://127.0.0.1:80/', headers: {}, body: null, withinMs: 0 },
      { kind: 'signal', ...plain, signal: 'SIGTERM', target: { to: 'group' } },
      { kind: 'limits', ...plain, limits: { kmem: 1_048_576, pids: null } },
      { kind: 'wait', ...plain, waiting: { until: 'passed', ms: 500 } },
    ],
  );
});

test('every key of a step', (t) => {
  const common = { name: 'serve', expect: 'exit!=0', timeout: '3s' } as const;
  const given = { name: 'serve', expect: ['exit!=0'], timeoutMs: 3000 };
  const ready = { log: '^ready', file: 'log', within: 1000 };
  t.deepEqual(planOf({ ...common, run: 'serve', background: true, ready, stop: 'int', env: { A: 'b' }, cwd: 'x' }), [
    {
      kind: 'command',
      ...given,
      command: ['sh', '-c', 'serve'],
      env: { A: 'b' },
      cwd: '/tmp/x',
      background: true,
      ready: { until: 'log', pattern: '^ready', file: '/tmp/x/log', withinMs: 1000 },
      stop: 'SIGINT',
      stops: null,
    },
  ]);
  const http = { url: 'http://localhost/x', method: 'post', headers: { Host: 'a' }, body: 'b' };
  const [, asked, ...rest] =
    planOf(
      { run: 'serve', background: true, name: 'server' },
      { http, within: '1s' },
      { signal: 'SIGHUP', to: { pidFile: 'pid' } },
      { signal: 'USR1', to: { step: 'server' } },
      { wait: { step: 'server' } },
      { wait: { port: '80', host: '::1' } },
      { wait: 'empty' },
    ) ?? [];
  t.like(asked, { method: 'POST', headers: { Host: 'a' }, body: 'b', withinMs: 1000 });
  t.like(rest[0], { signal: 'SIGHUP', target: { to: 'pid-file', file: '/tmp/pid' } });
  t.like(rest[1], { target: { to: 'step', step: 'server' } });
  t.like(rest[2], { waiting: { until: 'step', step: 'server', withinMs: 10_000 } });
  t.like(rest[3], { waiting: { until: 'port', host: '::1', port: 80 } });
  t.like(rest[4], { waiting: { until: 'empty' } });
});

test('a plan’s command is its first step in the group, and expectations can name its steps', (t) => {
  const plan = [{ run: 'ask', outside: true }, { run: ['serve', 'a'] }];
  const spec = normaliseSpec({ plan, expect: ['steps[1].exit==0'] });
  t.deepEqual([spec.command, spec.then], [['serve', 'a'], []]);
  refused(t, 'bad-expectation', () => normaliseSpec({ plan, expect: ['steps[2].exit==0'] }));
  refused(t, 'conflicting-options', () => normaliseSpec({ plan, command: ['true'] } as PlanInput));
  refused(t, 'conflicting-options', () => normaliseSpec({ plan, then: ['true'] } as PlanInput));
});

test('an invalid step is rejected, naming its place', (t) => {
  const refusals: [string, RegExp, ...object[]][] = [
    ['bad-step', /^plan\[0\]: this step does nothing/, { name: 'x' }],
    ['bad-step', /^plan\[0\]: this step does run and http at once/, { run: 'a', http: 'http://a/' }],
    ['bad-step', /^plan\[1\]: background cannot be combined with wait/, { run: 'a' }, { wait: 1, background: true }],
    ['bad-step', /no step runs in the group/, { run: 'a', outside: true }],
    ['bad-step', /^plan\[0\]\.http: "ftp/, { http: 'ftp://a/' }, { run: 'a' }],
    ['bad-step', /^plan\[0\]\.signal: "NOPE" is not a signal/, { signal: 'NOPE' }],
    ['bad-step', /^plan\[1\]: no earlier background step is called "b"/, { run: 'a' }, { wait: { step: 'b' } }],
    ['bad-step', /duplicate step name: "a"/, { run: 'a', name: 'a' }, { run: 'a', name: 'a' }],
    ['bad-step', /^plan\[0\]\.ready\.port: 70000 is not a port/, { run: 'a', ready: { port: 70_000 } }],
    ['bad-step', /can only wait for one thing/, { run: 'a', ready: { port: 1, http: 'http://a/' } }],
    ['bad-step', /^plan\[0\]\.ready\.log: Invalid regular expression/, { run: 'a', ready: { log: '(' } }],
    ['bad-step', /no limit is named/, { run: 'a' }, { limits: {} }],
    ['bad-size', /^plan\[0\]\.limits\.kmem: "1xx"/, { limits: { kmem: '1xx' } }],
    ['bad-duration', /^plan\[0\]\.timeout: /, { run: 'a', timeout: '0' }],
    ['bad-expectation', /expected "exit"/, { run: 'a', expect: 'exti==0' }],
  ];
  for (const [code, message, ...plan] of refusals) t.regex(refused(t, code, wrong(...plan)).message, message);
  const { hint } = refused(t, 'unknown-key', wrong({ run: 'a', backgruond: true }));
  t.is(hint, 'did you mean background?');
});

test('an expectation of a step reads that step, also through shorthands', (t) => {
  t.is(compileStepExpectation('status==200', 3).key, 'steps[3].http.status');
  t.is(compileStepExpectation('max_usage<1M', 0).key, 'steps[0].kmemMaxUsage');
  t.is(compileStepExpectation('stderr~/x/', 1).readsOfStep, 'stderr');
  t.deepEqual(
    ['exit!=0', 'status==503', 'failcnt>0'].map((expr) => compileStepExpectation(expr, 2).step),
    [2, 2, null],
  );
  const result = { steps: [{ stdout: 'hello\n' }] };
  const { passed } = compileStepExpectation('stdout==hello', 0).evaluate({ result, stdout: null, stderr: null });
  t.true(passed);
});

test('a shell command line is shown as written', (t) => {
  t.is(lineOf(['sh', '-c', 'a | b']), 'a | b');
  t.is(lineOf(['ab', '-n', '10']), 'ab -n 10');
});
