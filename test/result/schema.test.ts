import { readFileSync } from 'node:fs';
import test from 'ava';
import { compileExpectation } from '../../src/request/expect.ts';
import type { RunSpec } from '../../src/request/run-spec.ts';
import { resultJsonSchema } from '../../src/result/json-schema.ts';
import type { Result } from '../../src/result/schema.ts';
import { version } from '../../src/version.ts';
import { apacheStopFails, hostile, result, setupError, storm, unread } from '../fixtures/results.ts';
import { validateResult } from '../validate-result.ts';

type Node = {
  description?: string;
  type?: unknown;
  properties?: Record<string, Node>;
  items?: Node;
  anyOf?: Node[];
  [key: string]: unknown;
};

/** Every key of the JSON Schema with its path, including objects in lists and unions. */
function keys(node: Node, path = ''): [string, Node][] {
  const below = [node, ...(node.anyOf ?? [])].flatMap((option) => [option, ...(option.items ? [option.items] : [])]);
  return below.flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([name, child]): [string, Node][] => [
      [`${path}.${name}`, child],
      ...keys(child, `${path}.${name}`),
    ]),
  );
}

function allowsNull({ type, anyOf = [] }: Node): boolean {
  return [type].flat().includes('null') || anyOf.some((option) => option.type === 'null');
}

const schema = resultJsonSchema() as Node;

test('every result that a run can produce is valid', (t) => {
  for (const made of [result(), apacheStopFails(), unread(), setupError(), hostile(), storm()]) {
    t.notThrows(() => validateResult(made));
  }
});

test('every key is defined, with a unit for bytes and times and the meaning of null', (t) => {
  const all = keys(schema);
  t.true(all.length > 140);
  for (const [path, node] of all) {
    t.truthy(node.description, `${path} has no definition`);
    t.is(node.description?.includes('Null: ') ?? false, allowsNull(node), `${path}: what null means`);
    if (/Ms$/.test(path)) t.regex(node.description ?? '', /Unit: ms\./, path);
    if (/\.(usage|maxUsage|kmemMaxUsage|overshoot|rss|memTotal|swapTotal|reserve)$/.test(path))
      t.regex(node.description ?? '', /Unit: bytes\./, path);
  }
});

test('the JSON Schema has no custom keywords and allows keys that are added later', (t) => {
  const text = JSON.stringify(schema);
  t.notRegex(text, /"unit":|"whenNull":|"additionalProperties":false/);
  t.is(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
});

test('unsafe integers and the kernel’s value for unlimited are rejected', (t) => {
  for (const maxUsage of [2 ** 63, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -1, '1', undefined]) {
    const made = { ...result(), kmem: { ...result().kmem, maxUsage } };
    t.throws(() => validateResult(made), { message: /kmem\.maxUsage: / });
  }
});

test('a missing key, an unknown key and an unknown outcome are rejected by name', (t) => {
  const { exit: _, ...without } = result();
  t.throws(() => validateResult(without), { message: /exit: / });
  t.throws(() => validateResult({ ...result(), surprise: 1 }), { message: /"surprise"/ });
  t.throws(() => validateResult({ ...result(), outcome: 'fine' }), { message: /outcome: / });
  t.throws(() => validateResult({}), { message: /; \d+ in all\)$/ });
});

test('the spec in the result is a RunSpec, key for key', (t) => {
  // The compiler is the test: each must be assignable to the other.
  const asked: RunSpec = result().spec;
  const told: Result['spec'] = asked;
  const same: keyof RunSpec extends keyof Result['spec']
    ? keyof Result['spec'] extends keyof RunSpec
      ? true
      : never
    : never = true;
  t.true(same);
  t.is(told, asked);
});

test('every figure can be used in an expectation', (t) => {
  const figures = ['kmem', 'mem', 'memsw', 'kmemTcp', 'durations'].flatMap((part) => {
    const node = schema.properties?.[part] as Node;
    return keys(node, part)
      .map(([path]) => path)
      .filter((path) => !path.startsWith('kmem.parts'));
  });
  t.true(figures.length > 15);
  for (const path of figures) t.notThrows(() => compileExpectation(`${path}!=null`), path);
});

test('the version is that of package.json', (t) => {
  const { version: packaged } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  t.is(version, packaged);
});
