import test from 'ava';
import type { Outcome } from '../../src/result/schema.ts';
import { until } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { everySchema, knownKeywords, type Schema, violations } from '../fixtures/json-schema.ts';
import { type Harness, makeHarness, type Ran } from '../harness.ts';

function sh(line: string) {
  return ['--', 'sh', '-c', line];
}

async function readSchema(harness: Harness): Promise<Schema> {
  const { status, stdout, stderr } = await harness.run(['schema'], { json: false });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

async function interrupted(harness: Harness): Promise<Ran> {
  const running = harness.start(['--kmem', '4M', ...sh('touch up; sleep 300')]);
  await until(() => harness.has('up'));
  running.signal('SIGTERM');
  return running.ended;
}

const outcomes: readonly (readonly [outcome: Outcome, make: (harness: Harness) => Promise<Ran>])[] = [
  ['passed', ({ run }) => run(['--kmem', '4M', '--cpus', '0', '--pids', '99', '--then', 'true', '--', 'true'])],
  ['failed', ({ run }) => run(['--kmem', '1M', ...sh(`${compileFixture('denial-storm')} 0.1; exit 3`)])],
  ['failed', ({ run }) => run(['--kmem', '4M', '--reclaim', 'on', '--errno', 'enomem', '--', 'false'])],
  ['signaled', ({ run }) => run(sh('kill -SEGV $$'))],
  ['expectation', ({ run }) => run(['--expect', 'stdout~/x/', '--expect', 'kmem.maxUsage>0', '--', 'true'])],
  ['oom', ({ run }) => run(['--mem', '16M', '--memsw', '16M', '--', compileFixture('touch-memory'), '64'])],
  ['timeout', ({ run }) => run(['--timeout', '200ms', '--sample', '10ms', ...sh('sleep 300 & sleep 300')])],
  ['interrupted', interrupted],
  ['setup-error', ({ run }) => run(['--kmem', '4M', '--', 'kmem-run-absent'])],
  ['setup-error', ({ run }) => run(['--kmem', '4M', '--enforce', 'native', '--', 'true'])],
];

for (const [index, [outcome, make]] of outcomes.entries()) {
  test.serial(`a result matches the schema: ${outcome} (${index})`, async (t) => {
    const harness = makeHarness(t);
    const schema = await readSchema(harness);
    // The harness has validated it with zod; this is the schema that users get.
    const { result } = await make(harness);
    t.is(result?.outcome, outcome);
    t.deepEqual(violations(schema, result), []);
    harness.assertNothingLeft();
  });
}

test.serial('the schema is JSON Schema 2020-12 and has no keyword that our check would ignore', async (t) => {
  const harness = makeHarness(t);
  const schema = await readSchema(harness);
  t.is(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  const keywords = new Set(everySchema(schema).flatMap(Object.keys));
  t.deepEqual(
    [...keywords].filter((keyword) => !knownKeywords.has(keyword)),
    [],
  );
  t.true(everySchema(schema).length > 200);
});

test.serial('the schema check detects violations', async (t) => {
  const harness = makeHarness(t);
  const schema = await readSchema(harness);
  const { result } = await harness.run(['--kmem', '4M', '--', 'true']);
  if (result === null) return t.fail('there is no result');
  const broken = (changes: object) => violations(schema, { ...result, ...changes }).length;
  t.is(broken({}), 0);
  t.is(broken({ added: 'keys may be added' }), 0);
  t.is(broken({ outcome: 'fine' }), 1);
  t.is(broken({ startedAt: 'today' }), 1);
  t.is(broken({ kmem: { ...result.kmem, maxUsage: -1 } }), 1);
  t.is(broken({ kmem: { ...result.kmem, maxUsage: '1' } }), 1);
  t.true(broken({ steps: [{}] }) > 0);
  const { exit: _exit, ...without } = result;
  t.is(violations(schema, without).length, 1);
});

test.serial('schema takes no arguments', async (t) => {
  const { run } = makeHarness(t);
  const ran = await run(['schema', '--kmem'], { json: false });
  t.is(ran.status, 125);
  t.regex(ran.stderr, /^kmem-run: schema: unexpected argument /);
});

test.serial('the result’s spec describes the run', async (t) => {
  const { run } = makeHarness(t);
  const options = [
    '--kmem',
    '4M',
    '--then',
    'false',
    '--timeout',
    '9s',
    '--env',
    'A=b',
    '--expect',
    'steps[1].exit==1',
  ];
  const { result } = await run([...options, '--', 'echo', 'a b', '--flag', '']);
  t.like(result?.spec, {
    command: ['echo', 'a b', '--flag', ''],
    then: ['false'],
    timeoutMs: 9000,
    env: { A: 'b' },
    expect: ['steps[1].exit==1'],
  });
});
