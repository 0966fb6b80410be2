import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { inputFor } from '../../src/scenario/input.ts';
import { mistakeText } from '../../src/scenario/issues.ts';
import { loadScenario } from '../../src/scenario/load.ts';
import { goodFiles } from './good.ts';

/** The mistakes of a text as `line:column: message`. */
function mistakesIn(text: string): string[] {
  return (loadScenario('x.yaml', text).mistakes ?? []).map(
    ({ line, column, message }) => `${line}:${column}: ${message}`,
  );
}

function hintOf(t: ExecutionContext, text: string): string {
  const [first] = loadScenario('x.yaml', text).mistakes ?? [];
  return first?.hint ?? t.fail('no mistake was found') ?? '';
}

test('valid files have no errors', (t) => {
  for (const [name, text] of goodFiles) t.deepEqual(mistakesIn(text), [], name);
  t.true(goodFiles.size >= 3);
});

test('missing keys have defaults, and given keys become a run', (t) => {
  const { scenario } = loadScenario('scenarios/small.yaml', 'description: |\n  a\n  b\nsteps:\n  - run: a\n');
  t.like(scenario, { name: 'small', description: 'a\nb', kernels: ['host'], repeat: 1, setUp: [] });
  const every = loadScenario('x.yaml', goodFiles.get('every-key.yaml') ?? '').scenario;
  if (every === null || scenario === null) return t.fail('a good file was refused');
  t.like(inputFor(scenario, 'host'), { timeout: '1m', cwd: '${dir}' });
  t.like(inputFor(every, 'host'), { kmem: '1M', timeout: null, env: { B: 'two' } });
  t.like(inputFor(every, '5.10'), { kmem: '2M', mem: '20M', timeout: '2m', kernel: '5.10', expect: ['failcnt==0'] });
});

test('an error shows its position and suggests a fix', (t) => {
  const file = (lines: string) => `description: a\nsteps:\n  - run: a\n${lines}`;
  t.deepEqual(mistakesIn(file('    expext: exit==0\n')), ['4:5: steps[0]: unknown key "expext"']);
  t.is(hintOf(t, file('    expext: exit==0\n')), 'did you mean expect?');
  t.is(hintOf(t, file('    ready: { prot: 3 }\n')), 'did you mean port?');
  t.is(hintOf(t, file('limits: { kmemTpc: 3 }\n')), 'did you mean kmemTcp?');
  t.is(hintOf(t, file('enforce: gat\n').replace('gat\n', 'gate\ncgruop: v1\n')), 'did you mean cgroup?');
  t.deepEqual(mistakesIn(file('limits: { kmem: 1xx }\n')), ['4:17: limits.kmem: "1xx" is not a size']);
  t.deepEqual(mistakesIn(file('timeout: 30\n')), ['4:10: timeout: a duration requires a unit: 500ms, 30s, 2m']);
  t.deepEqual(mistakesIn(file('tags: 3\n')), ['4:7: tags: 3 is not a string or a list']);
  t.deepEqual(mistakesIn('steps:\n  - run: a\n'), ['1:1: description: is missing']);
  t.regex(mistakesIn(file('    expect: exti==0\n'))[0] ?? '', /^4:13: steps\[0\]\.expect: .* expected "exit"$/);
  t.deepEqual(mistakesIn(file('  - { run: b, http: "http://a/" }\n')), [
    '4:5: steps[1]: this step does run and http at once',
  ]);
  t.regex(mistakesIn(file('  - wait: { step: b }\n'))[0] ?? '', /^4:5: steps\[1\]: no earlier background step/);
  t.regex(mistakesIn(file('expect: steps[7].exit==0\n'))[0] ?? '', /there is no step 7/);
  t.regex(mistakesIn(file('  - wait: [a\n'))[0] ?? '', /^5:1: Flow sequence/);
  t.deepEqual(mistakesIn(file('env: { { a: b }: c }\n')), ['4:8: a key is a string, not a list or a map']);
  t.regex(mistakesIn('')[0] ?? '', /^1:1: not a scenario/);
});

test('an unknown placeholder is an error unless it is a shell variable', (t) => {
  const step = (line: string) => `description: a\nsteps:\n  - run: ${line}\n`;
  t.deepEqual(mistakesIn(step('echo ${dir} ${port.a} $${dir} ${HOME} ${x:-3}')), []);
  t.deepEqual(mistakesIn(step('echo ${prot}')), ['3:10: unknown placeholder ${prot}']);
  t.deepEqual(mistakesIn(step('for prot in 1; do echo ${prot}; done')), []);
  t.deepEqual(mistakesIn(`${step('a')}cwd: ${'${dri}'}\n`), ['4:6: unknown placeholder ${dri}']);
});

test('an error is one line, and its hint another', (t) => {
  const [mistake] = loadScenario('x.yaml', 'description: a\nsteps:\n  - rnu: a\n').mistakes ?? [];
  if (mistake === undefined) return t.fail('no mistake was found');
  t.is(mistakeText(mistake), 'x.yaml:3:5: steps[0]: unknown key "rnu"\n  hint: did you mean run?\n');
  const [odd] =
    loadScenario('\x1bx', 'description: a\nsteps:\n  - {run: a, expect: ["stdout~/[1-\\x11]/"]}\n').mistakes ?? [];
  if (odd === undefined) return t.fail('no mistake was found');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant.
  t.notRegex(mistakeText(odd), /[\x00-\x09\x0b-\x1f]/);
  t.regex(mistakeText(odd), /^\\x1bx:3:.*\[1-\\x11\]/);
});

/** Damage that editors, merges and cats do to a file. */
const damage = fc.oneof(
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), text: fc.string({ unit: 'binary', maxLength: 12 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    text: fc.constantFrom(
      ': ',
      '- ',
      '[',
      '}',
      '"',
      '\n',
      '\t',
      '*a',
      '&a ',
      '!!x ',
      '{ a: ',
      '<<: *shared\n',
      '? ',
      '|',
      '${',
      '0x1',
      'null',
      '\n---\n',
    ),
  }),
  fc.record({ kind: fc.constant('lines' as const), at: fc.nat(), length: fc.integer({ min: 1, max: 6 }) }),
);

function damaged(text: string, changes: readonly (typeof damage extends fc.Arbitrary<infer T> ? T : never)[]): string {
  return changes.reduce((now, change) => {
    const at = now.length === 0 ? 0 : change.at % now.length;
    if (change.kind === 'cut') return now.slice(0, at) + now.slice(at + change.length);
    if (change.kind === 'insert') return now.slice(0, at) + change.text + now.slice(at);
    const lines = now.split('\n');
    const from = change.at % lines.length;
    return [...lines.slice(from), ...lines.slice(0, from).slice(change.length)].join('\n');
  }, text);
}

test('a thousand damaged files never crash the loader, and errors always name the place', (t) => {
  const texts = [...goodFiles.values()];
  let wrong = 0;
  const property = fc.property(
    fc.constantFrom(...texts),
    fc.array(damage, { minLength: 1, maxLength: 4 }),
    (good, changes) => {
      const text = damaged(good, changes);
      const { scenario, mistakes } = loadScenario('x.yaml', text);
      if (mistakes === null) return scenario !== null;
      wrong += 1;
      const lines = text.split('\n').length + 1;
      return (
        mistakes.length > 0 &&
        mistakes.every(
          ({ line, column, message }) => line >= 1 && line <= lines && column >= 1 && message.length > 0,
        ) &&
        mistakes.every((mistake) => mistakeText(mistake).split('\n').length <= 3)
      );
    },
  );
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }));
  t.true(wrong > 500, `${wrong} of 1000 were found wrong`);
});

test('aliases that expand beyond the allowed size of a file are an error', (t) => {
  const bomb = `a: &a [x, x]\n${[...'bcdefghijkl'].map((key, index) => `${key}: &${key} [*${'abcdefghijk'[index]}, *${'abcdefghijk'[index]}, *${'abcdefghijk'[index]}, *${'abcdefghijk'[index]}]`).join('\n')}\n`;
  t.regex(mistakesIn(bomb)[0] ?? '', /^1:1: .*[Aa]lias/);
});

test('an alias inside its own anchor is an error at that position', (t) => {
  t.deepEqual(mistakesIn('a: &a {b: *a}\n'), ['1:11: an alias is inside the node that it refers to']);
  t.deepEqual(mistakesIn('description: x\nsteps: &a\n  - run: echo\n  - *a\n'), [
    '4:5: an alias is inside the node that it refers to',
  ]);
});

test('a file nested too deeply is a single error, even if the parser gives up', (t) => {
  for (const text of ['['.repeat(20_000), `a: ${'['.repeat(120)}${']'.repeat(120)}`, '- '.repeat(50_000)]) {
    const mistakes = mistakesIn(text);
    t.is(mistakes.length, 1, text.slice(0, 10));
    t.regex(mistakes[0] ?? '', /: nested more than 100 levels deep$/);
  }
});
