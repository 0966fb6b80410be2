/** Saved inputs: valid documents to damage, and texts that once were, or might be, a problem. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bisectReport, courseOf, exploreReport, scenariosReport, sweepOf, sweepPoint } from '../../fixtures/reports.ts';
import { apacheStopFails, result, setupError } from '../../fixtures/results.ts';

export const runs: readonly unknown[] = [courseOf(), apacheStopFails(), setupError(), result()];

export const documents: readonly unknown[] = [
  ...runs,
  ...[bisectReport, exploreReport, scenariosReport],
  sweepOf(['kmem'], [sweepPoint({ kmem: 1_048_576 }, 1, 4), sweepPoint({ kmem: 2_097_152 }, 4, 4)]),
];

export { scenariosReport } from '../../fixtures/reports.ts';

const scenarioFolder = join(import.meta.dirname, '..', '..', '..', 'scenarios');
export const scenarioFiles: readonly string[] = readdirSync(scenarioFolder)
  .filter((name) => name.endsWith('.yaml'))
  .toSorted()
  .map((name) => readFileSync(join(scenarioFolder, name), 'utf8'));

function step(rest: string): string {
  return `description: x\n${rest}`;
}

/** Nine lists, each nine of the previous. */
function bomb(): string {
  const names = [...'abcdefghij'];
  const lines = names.map((name, index) => {
    const of = index === 0 ? 'x' : `*${names[index - 1]}`;
    return `${name}: &${name} [${Array.from({ length: 9 }, () => of).join(', ')}]\n`;
  });
  return lines.join('');
}

export const scenarioTexts: readonly string[] = [
  ...[bomb(), '['.repeat(20_000), '{a: '.repeat(20_000), '- '.repeat(50_000), `a: "${'x'.repeat(900_000)}"`],
  ...[
    'a: &a {b: *a}',
    '? [a]\n: b',
    '!!binary aGk=',
    '',
    '\0',
    '---\n---\n',
    'x: !!timestamp 2001-01-01',
    '<<: {a: 1}',
  ],
  step('steps: &a [{run: "true"}, *a]'),
  '__proto__: {steps: [{run: "true"}]}\ndescription: x\nsteps: [{run: "true"}]',
  step('steps: [{run: "true", __proto__: {user: root}}]'),
  step('constructor: {a: 1}\nsteps: [{run: "true"}]'),
  step('name: ../../../tmp/x\nsteps: [{run: "true"}]'),
  step('name: "a\\nb # SKIP"\nsteps: [{run: "true"}]'),
  step('name: "\\e[2J"\nsteps: [{run: "true"}]'),
  step('steps: [{run: "a\\0b"}]'),
  step('env: {"A\\0B": "x"}\nsteps: [{run: "true"}]'),
  step('env: {A: "x\\0\\0limit\\0none\\0"}\nsteps: [{run: "true"}]'),
  step('steps: [{run: ["echo", "a\\0path=/bin/id"]}]'),
  step('steps: [{run: "true", cwd: "/tmp\\0x"}]'),
  step('steps: [{wait: {log: "(a+)+$", within: 5s}}]'),
  step('expect: "stdout~/(/"\nsteps: [{run: "true"}]'),
  step('repeat: 1e9\nsteps: [{run: "true"}]'),
  step('timeout: 99999999999999d\nsteps: [{run: "true"}]'),
  step('baseline: {file: ../../etc/passwd}\nsteps: [{run: "true"}]'),
  step('kernels: ["../../x"]\nsteps: [{run: "true"}]'),
  step(`steps: ${'[{run: "true"}, '.repeat(3000)}${']'.repeat(3000)}`),
  step(`steps:\n${'- {run: "true"}\n'.repeat(20_000)}`),
];

export const jsonTexts: readonly string[] = [
  ...['['.repeat(200_000) + ']'.repeat(200_000), `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, '', '\0'],
  ...['\ufeff{}', '{"schemaVersion":1,"schemaVersion":2}', '1'.repeat(100_000), '{"__proto__":{"kind":"sweep"}}'],
];

export const words: readonly string[] = [
  ...['', '0', '-1', '1', '4095', '4096', '1e3', '1K', '1k', '1kb', '1KiB', '1.5M', '.5M', '1.M', '1,5M', '0x10', '٣M'],
  ...['1 M', ' 1M', '1M ', '1T', '9'.repeat(30), `${'9'.repeat(400)}T`, '1P', 'NaN', 'Infinity', '-0', '+1M', '1M\n'],
  ...[
    '\x1b[31m1M',
    '1M\u202e',
    'max',
    'none',
    'null',
    '1M..',
    '..1M',
    '1M..2M:0',
    '1..2',
    '\ud83d',
    '1e309',
    '0.0000001M',
  ],
];

export const durations: readonly string[] = [
  ...words,
  ...['1ms', '1us', '0ms', '1d', '99999d', '999999999999d', '1h30m', '-1s', '1s1', 's', '1 s'],
];

export const addresses: readonly string[] = [
  ...[
    '0/3:mmap',
    '0',
    '/',
    '0/',
    '0/x',
    '0/1:',
    '0/1:nope',
    '9/1',
    '0.0/1',
    '0.-1/1',
    '0/-1',
    '0/99999999999999',
    '0/0',
  ],
  ...['0.t1/1:mmap+', '0/1:mmap++', '0/1:mm ap', '\x1b/1', `${'0.'.repeat(200)}1/1`, `0/1:${'a'.repeat(5000)}`],
  ...['t/1', '0.t/1', '__proto__/1'],
];

export const expectations: readonly string[] = [
  ...['exit', 'exit=', 'exit==', '==0', 'exit===0', 'exit==0 &&', 'foo==1', '__proto__==1', 'constructor.name==x'],
  ...['steps[-1].exit==0', 'steps[99].exit==0', 'steps[1e9].exit==0', 'steps[0].__proto__.x==1', 'stdout~/(/'],
  ...['stdout~/a/zz', `stdout~/${'('.repeat(500)}/`, 'failcnt>1e999', 'failcnt>x', 'wallMs<1x', 'stdout=="', 'exit~~0'],
  ...['exit!~', 'a'.repeat(100_000), '\x1b[2J==1', 'exit==0\n', 'kmem..maxUsage==1', 'failures.length.length==1'],
  ...['toString==1', 'kmem.hasOwnProperty==1'],
];

export const cpuLists: readonly string[] = [
  ...['', 'a', '-1', '0-', '0,,1', '99999', '0-999999999', '1-0', '0,0', '0x1', '\x1b'],
];

export const optionLists: readonly (readonly string[])[] = [
  ...[
    ['--pids', '0'],
    ['--pids', '99999999999'],
    ['--user', ''],
    ['--user', 'x\ny'],
    ['--env', '=x'],
    ['--env', 'A\nB=1'],
  ],
  ...[
    ['--cwd', '/nope'],
    ['--cwd', ''],
    ['--parent', 'x'],
    ['--parent', '/etc'],
    ['--parent', '/sys/fs/cgroup/nope'],
  ],
  ...[
    ['--json', '/'],
    ['--json', ''],
    ['--json', '/nope/x'],
    ['--trace-gate', '/nope/x'],
    ['--output', '/nope/x'],
  ],
  ...[
    ['--store', '/nope/x'],
    ['--store', '/etc/passwd'],
    ['--kernel', 'nope'],
    ['--kernel', '../../etc'],
  ],
  ...[['--kernel', '\x1b[2J'], ['--rw', '/nope'], ['--vm-memory', '1'], ['--kmem'], ['--nope'], ['-x']],
  ...[
    ['--kmem', '1M', '--kmem', '2M'],
    ['--label', 'x'.repeat(100_000)],
    ['--label', ''],
    ['--label', '\x1b[2J'],
  ],
  ...[['--sample', '0'], ['--grace=-1s'], ['--hold', 'x'], ['--enforce', 'x'], ['--errno', 'x'], ['--reclaim', 'x']],
  ...[['--memsw', '1M'], ['--reserve', 'x'], ['--json=-'], ['--ready', 'http://[/'], ['--stop', 'SIGNOPE']],
];

/** Changes to the rows of a store. */
export const storeChanges: readonly string[] = [
  ...["'not json'", "'null'", "'[]'", `'{"schemaVersion":1}'`].map((value) => `UPDATE run SET result = ${value}`),
  "UPDATE run SET result = json_set(result, '$.schemaVersion', 99)",
  "UPDATE run SET result = json_set(result, '$.schemaVersion', 'x')",
  "UPDATE run SET command = char(27) || '[2J' || char(0) || '<script>'",
  "UPDATE run SET outcome = 'bogus'",
  "UPDATE run SET id = '../../x' || seq",
  "UPDATE run SET started_at = 'x'",
  'UPDATE run SET kmem_limit = 9223372036854775807',
  'UPDATE run SET kmem_limit = -5, max_usage = -1',
  "UPDATE experiment SET spec = '{', summary = '{'",
  "UPDATE experiment SET command = '5'",
  "UPDATE experiment SET kind = '__proto__'",
  "UPDATE experiment SET summary = '[1,2]'",
  "UPDATE experiment SET status = 'x'",
  'PRAGMA user_version = 99',
  'PRAGMA user_version = -1',
  'PRAGMA application_id = 1',
  'DROP TABLE experiment',
  'DROP TABLE run',
  'ALTER TABLE run DROP COLUMN mode',
  "UPDATE run SET label = char(27) || '[2J'",
  "UPDATE run SET result = json_set(result, '$.spec.command', json('[]'))",
  "UPDATE run SET result = json_set(result, '$.steps', json('{}'))",
  "UPDATE run SET result = json_set(result, '$.samples', json('[[1]]'))",
  "UPDATE run SET result = json_remove(result, '$.kmem')",
  "UPDATE run SET result = json_set(result, '$.failures', json('[1,null]'))",
];
