import test from 'ava';
import fc from 'fast-check';
import { z } from 'zod';
import { compileExpectation, type ExpectationFacts, implicitExpectations } from '../../src/request/expect.ts';
import { RESULT, resolvePath, type Shape } from '../../src/request/expect-key.ts';
import { resultSchema } from '../../src/result/schema.ts';
import { refused, valueOrNull } from './refusal.ts';

const result = {
  outcome: 'failed',
  terminationReason: null,
  exit: { code: 0, signal: null },
  durations: { wallMs: 1999.5, userMs: null },
  kmem: { maxUsage: 921_600, failcnt: 0, overshoot: 4096, parts: null },
  memsw: null,
  kmemTcp: { failcnt: 2 },
  steps: [
    { command: 'true', exit: { code: 0, signal: null } },
    { command: 'crash', exit: { code: null, signal: 'SIGSEGV' } },
    { command: 'lost', exit: { code: null, signal: null } },
  ],
  leftover: [{ pid: 1, comm: 'apache2' }],
  failures: [],
  environment: { kernel: '6.18.0', aslr: false },
  spec: { cwd: '/tmp/x', env: { MY_VAR: '1' } },
};
const facts: ExpectationFacts = { result, stdout: 'first\nsecond 42\n', stderr: 'httpd: Cannot allocate memory\n' };
function ask(expr: string, of: ExpectationFacts = facts) {
  return compileExpectation(expr).evaluate(of);
}

for (const [expr, passed, actual] of [
  ['exit==0', true, 0],
  ['exit!=0', false, 0],
  ['steps[1].exit==139', true, 139],
  ['steps[1].exit.signal==SIGSEGV', true, 'SIGSEGV'],
  ['steps[1].exit.code==null', true, null],
  ['steps[2].exit==0', false, null],
  ['steps[2].exit!=0', false, null],
  ['steps[2].exit==null', true, null],
  ['steps[7].exit!=0', false, null],
  ['steps.length==3', true, 3],
  ['leftover.length>0', true, 1],
  ['leftover[0].comm==apache2', true, 'apache2'],
  ['outcome==failed', true, 'failed'],
  ["outcome!='passed'", true, 'failed'],
  ['terminationReason==null', true, null],
  ['failcnt==0', true, 0],
  ['overshoot<=64K', true, 4096],
  ['kmem.maxUsage<=900K', true, 921_600],
  ['kmem.maxUsage<900K', false, 921_600],
  ['kmem.maxUsage>=900KiB', true, 921_600],
  ['kmem.max_usage<=921600', true, 921_600],
  ['kmem.max_usage_in_bytes<=921600', true, 921_600],
  ['maxUsage>899.5K', true, 921_600],
  ['kmem.tcp.failcnt==2', true, 2],
  ['memsw==null', true, null],
  ['memsw.failcnt==0', false, null],
  ['memsw.failcnt!=0', false, null],
  ['kmem!=null', true, 'an object'],
  ['kmem!=3', false, 'an object'],
  ['kmem.parts.slab<1M', false, null],
  ['durations.wallMs<2s', true, 1999.5],
  ['durations.wallMs<2', false, 1999.5],
  ['durations.wallMs>=1999.5', true, 1999.5],
  ['durations.userMs<1h', false, null],
  ['environment.aslr==false', true, false],
  ["environment.kernel=='6.18.0'", true, '6.18.0'],
  ['environment.kernel~6.18', true, '6.18.0'],
  ["spec.env.MY_VAR=='1'", true, '1'],
  ['environment.constructor!=null', false, null],
  ['spec.cwd==/tmp/x', true, '/tmp/x'],
  ['spec.cwd~/^.tmp/', true, '/tmp/x'],
  ['stdout~/^second \\d+$/m', true, 'first\nsecond 42\n'],
  ['stdout~/SECOND/', false, 'first\nsecond 42\n'],
  ['stdout~/SECOND/i', true, 'first\nsecond 42\n'],
  ['stdout!~/third/', true, 'first\nsecond 42\n'],
  ['stdout~42', true, 'first\nsecond 42\n'],
  ["stdout=='first\\nsecond 42'", true, 'first\nsecond 42'],
  ['stdout!=first', true, 'first\nsecond 42'],
  ["stderr~'Cannot allocate'", true, 'httpd: Cannot allocate memory\n'],
  ['stderr~/Cannot allocate/', true, 'httpd: Cannot allocate memory\n'],
  ['  exit  ==  0  ', true, 0],
] as [string, boolean, unknown][]) {
  test(`${expr} is ${passed}`, (t) => t.deepEqual(ask(expr), { passed, actual } as ReturnType<typeof ask>));
}

for (const [expr, place, expected] of [
  ['', 1, /a key/],
  ['==0', 1, /a key/],
  ['exit', 5, /one of ==/],
  ['exit=0', 5, /"=="/],
  ['exit===0', 5, /"=="/],
  ['stdout=~/x/', 7, /"~"/],
  ['exit==', 7, /a value/],
  ['exot==0', 1, /"exit"/],
  ['frobnicate==0', 1, /one of exit, /],
  ['expectations.length==0', 1, /./],
  ['constructor==0', 1, /./],
  ['__proto__==0', 1, /./],
  ['kmem.maxUsge<=1', 6, /"maxUsage"/],
  ['steps[0].wallMS<1', 10, /"wallMs"/],
  ['steps.exit==0', 7, /"\[index\]"/],
  ['steps[x].exit==0', 7, /an index/],
  ['steps[-1].exit==0', 7, /an index/],
  ['steps[2.exit==0', 7, /an index/],
  ['steps==0', 6, /"\[index\]"/],
  ['exit[0]==0', 6, /a name/],
  ['exit.code.x==0', 11, /no parts/],
  ['kmem.==0', 6, /a name/],
  ['failcnt<abc', 9, /a number/],
  ['failcnt<null', 9, /a number/],
  ['failcnt<true', 9, /a number/],
  ['failcnt==1xx', 10, /a size/],
  ['failcnt==1.1K', 10, /a size/],
  ['durations.wallMs<5K', 18, /a duration/],
  ['exit==SIGSEGV', 7, /a number/],
  ['exit==0;', 7, /a number/],
  ['stdout==two words', 12, /the end/],
  ["stdout=='x", 11, /a closing '/],
  ["stdout=='x'y", 12, /the end/],
  ["stdout=='\\q'", 11, /backslash/],
  ['stdout==/x/', 9, /"~"/],
  ['stdout~/x', 10, /a closing \//],
  ['stdout~//', 9, /a pattern/],
  ['stdout~/(/', 9, /compiles/],
  ['stdout~/x/g', 11, /flags/],
  ['stdout~/a/b.c', 11, /flags/],
] as const) {
  test(`rejected: ${expr}`, (t) => {
    const { message } = refused(t, 'bad-expectation', () => compileExpectation(expr));
    t.regex(message, expected);
    t.true(message.includes(`(character ${place})`), message);
    t.true(message.includes(JSON.stringify(expr)), message);
  });
}

test('reports the key, the stream and the step', (t) => {
  const told = (expr: string) => {
    const { key, reads, step } = compileExpectation(expr);
    return [key, reads, step];
  };
  t.deepEqual(told('failcnt==0'), ['kmem.failcnt', null, null]);
  t.deepEqual(told('kmem.tcp.max_usage<1'), ['kmemTcp.maxUsage', null, null]);
  t.deepEqual(told('stderr~x'), ['stderr', 'stderr', null]);
  t.deepEqual(told('exit==0'), ['exit', null, 0]);
  t.deepEqual(told('exit.signal==SIGKILL'), ['exit.signal', null, 0]);
  t.deepEqual(told('steps[2].exit!=0'), ['steps[2].exit', null, 2]);
  t.deepEqual(told('steps[2].failcnt>0'), ['steps[2].failcnt', null, null]);
});

test('every step whose exit is not named is expected to exit 0', (t) => {
  const given = ['steps[2].exit!=0', 'failcnt>0', 'steps[1].failcnt==0'].map(compileExpectation);
  t.deepEqual(
    implicitExpectations(4, given).map(({ expr }) => expr),
    ['exit==0', 'steps[1].exit==0', 'steps[3].exit==0'],
  );
  t.deepEqual(implicitExpectations(1, [compileExpectation('exit!=0')]), []);
  t.deepEqual(
    implicitExpectations(2, [compileExpectation('steps[0].exit==3')]).map(({ step }) => step),
    [1],
  );
});

test('exit is that of the command, however the whole run ended', (t) => {
  const signaled = { exit: { code: 7, signal: null }, steps: [{ exit: { code: null, signal: 'SIGKILL' } }] };
  t.deepEqual(ask('exit==137', { ...facts, result: signaled }), { passed: true, actual: 137 });
  t.deepEqual(ask('exit.code==7', { ...facts, result: signaled }), { passed: false, actual: null });
  t.deepEqual(ask('exit==7', { ...facts, result: { ...signaled, steps: [] } }), { passed: true, actual: 7 });
});

test('no expectation on an uncaptured stream passes', (t) => {
  const none = { ...facts, stdout: null };
  t.deepEqual(
    ['stdout~x', 'stdout!~x', 'stdout==x', 'stdout!=x'].map((expr) => ask(expr, none).passed),
    [false, false, false, false],
  );
});

test('a long text is truncated in the report, not in the comparison', (t) => {
  const { passed, actual } = ask('stdout~/z$/', { ...facts, stdout: `${'a'.repeat(100_000)}z` });
  t.true(passed);
  t.true(String(actual).length < 300);
});

test('the same expectation gives the same answer twice', (t) => {
  const expectation = compileExpectation('stdout~/first/');
  t.true(expectation.evaluate(facts).passed && expectation.evaluate(facts).passed);
});

const schema = z.toJSONSchema(resultSchema) as Schema;

test('expectations can use every key of the result', (t) => {
  const paths = leavesOf(schema).filter(([first]) => first !== 'expectations');
  t.true(paths.length > 80, `only ${paths.length} paths found`);
  for (const path of paths) t.deepEqual(resolvePath(path), { path }, path.join('.'));
});

test('expectations cannot use a key that no result has', (t) => {
  const inSchema = new Set(leavesOf(schema).flatMap((path) => path.map((_, at) => path.slice(0, at + 1).join('.'))));
  const { stdout: _stdout, stderr: _stderr, ...keys } = RESULT;
  for (const path of pathsOf({ keys })) t.true(inSchema.has(path.join('.')), `${path.join('.')} is not in the schema`);
});

test('any text is an expectation that can be evaluated, or a SetupError', (t) => {
  const key = fc.constantFrom(
    'exit',
    'stdout',
    'kmem',
    'steps[0].exit',
    'steps',
    'failcnt',
    'durations.wallMs',
    'a',
    '.',
    '[0]',
    '',
  );
  const sign = fc.constantFrom('==', '!=', '<', '<=', '>', '>=', '~', '!~', '=', ' ', '');
  const value = fc.oneof(fc.string(), fc.constantFrom('0', '1K', 'null', '/x/', "'x'", '"', '\\', 'true', '2s'));
  const likely = fc.tuple(key, sign, value).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), likely), (expr) => {
      const expectation = valueOrNull(() => compileExpectation(expr));
      if (expectation === null) return;
      t.is(typeof expectation.evaluate(facts).passed, 'boolean');
      t.is(typeof expectation.evaluate({ result: {}, stdout: null, stderr: null }).passed, 'boolean');
    }),
    { numRuns: 3000 },
  );
});

test('a quoted text is matched literally', (t) => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom("'", '"'), (text, quote) => {
      const written = text.replace(/[\\'"]/g, '\\$&');
      t.true(ask(`stdout~${quote}${written}${quote}`, { ...facts, stdout: `<${text}>` }).passed, written);
    }),
  );
});

type Schema = { properties?: Record<string, Schema>; items?: Schema; anyOf?: Schema[] };
type Written = (string | number)[];

function leavesOf({ anyOf, properties = {}, items }: Schema): Written[] {
  if (anyOf) return anyOf.flatMap(leavesOf);
  if (items) return [['length'], ...leavesOf(items).map((path): Written => [0, ...path])];
  const below = Object.entries(properties).flatMap(([name, part]) =>
    leavesOf(part).map((path): Written => [name, ...path]),
  );
  return below.length === 0 ? [[]] : below;
}

function pathsOf(shape: Shape): Written[] {
  if (shape === 'leaf' || shape === 'free') return [[]];
  if ('each' in shape) return [['length'], ...pathsOf(shape.each).map((path): Written => [0, ...path])];
  return Object.entries(shape.keys).flatMap(([name, part]) => pathsOf(part).map((path): Written => [name, ...path]));
}

test('a pattern that takes too long does not hold, even negated, and the reason is given', (t) => {
  const stdout = `${'a'.repeat(60)}!`;
  t.deepEqual(compileExpectation('stdout!~/^(a+)+$/').evaluate({ result: {}, stdout, stderr: null }), {
    passed: false,
    actual: 'not decided: matching the pattern takes too long',
  });
});
