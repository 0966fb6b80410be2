import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { OPTIONS, parseRunArgv, runHelp } from '../../src/commands/run-options.ts';
import { normaliseSpec } from '../../src/request/normalise.ts';
import { optionName } from '../../src/request/run-input.ts';
import { refused, valueOrNull } from '../request/refusal.ts';

const QUIET = {
  json: null,
  keep: false,
  store: null,
  label: null,
  quiet: false,
  verbose: false,
  plot: false,
  color: null,
  dryRun: false,
};
function input(...before: string[]) {
  return parseRunArgv([...before, '--', 'true']).input;
}

function report(...before: string[]) {
  return parseRunArgv([...before, '--', 'true']).report;
}

test('a command alone is enough', (t) => {
  const { input: asked, report: shown, sources } = parseRunArgv(['--', 'apachectl', 'start']);
  t.deepEqual(asked, { command: ['apachectl', 'start'] });
  t.deepEqual(shown, QUIET);
  t.deepEqual(Object.keys(sources), Object.keys(OPTIONS));
  t.deepEqual(new Set(Object.values(sources)), new Set(['default']));
});

test('every option reaches its key as written', (t) => {
  const given = {
    ...{
      kmem: '1M',
      mem: '2M',
      memsw: '3M',
      kmemTcp: '4M',
      pids: '5',
      enforce: 'gate',
      kernel: 'k',
      cgroup: 'v1',
      parent: '/p',
    },
    ...{ reserve: '6', errno: 'enomem', timeout: '7', grace: '8', hold: '9', wait: 'empty', sample: 'off', cpus: '0' },
    ...{ user: 'nobody', cwd: '/' },
  };
  const asWords = Object.entries(given).flatMap(([key, value]) => [optionName(key), value]);
  const withSigns = Object.entries(given).map(([key, value]) => `${optionName(key)}=${value}`);
  for (const argv of [asWords, withSigns])
    t.deepEqual(input(...argv), { command: ['true'], ...given } as ReturnType<typeof input>);
});

test('some options are parsed', (t) => {
  t.deepEqual(input('--reclaim', 'on').reclaim, true);
  t.deepEqual(input('--reclaim', 'off').reclaim, false);
  t.is(input('--profile').profile, true);
  t.is(input('--no-profile').profile, false);
  t.deepEqual(input('--aslr', '--clear-env'), { command: ['true'], aslr: true, clearEnv: true });
  t.deepEqual(input('--then', 'a b', '--then=c', '--then', 'd').then, ['a b', 'c', 'd']);
  t.deepEqual(input('--expect', 'exit==0', '--expect=failcnt>0').expect, ['exit==0', 'failcnt>0']);
  t.deepEqual(input('--output', 'null').output, 'null');
  t.deepEqual(input('--output', 'inherit').output, 'inherit');
  t.deepEqual(input('--output', './null').output, { file: './null' });
});

test('flags, on and off', (t) => {
  for (const [flag, aslr] of [
    ['--aslr', true],
    ['--aslr=true', true],
    ['--aslr=false', false],
    ['--no-aslr', false],
  ] as const) {
    t.is(input(flag).aslr, aslr, flag);
  }
  t.is(input('--aslr', 'run').aslr, true);
  t.deepEqual(report('--quiet', '--dry-run', '--no-color'), { ...QUIET, quiet: true, dryRun: true, color: false });
  t.deepEqual(report('--verbose', '--color'), { ...QUIET, verbose: true, color: true });
});

test('options can come before and after the word run', (t) => {
  for (const before of [
    ['run', '--kmem', '1M'],
    ['--kmem', '1M', 'run'],
    ['--kmem=1M', 'run', '--quiet'],
  ])
    t.is(input(...before).kmem, '1M');
});

test('quotes in a value are kept', (t) => {
  t.deepEqual(input('--then="a" "b"', '--then', "'c' 'd'").then, ['"a" "b"', "'c' 'd'"]);
  t.deepEqual(input('--then=a\nb').then, ['a\nb']);
});

test('variables are set and copied', (t) => {
  const argv = [
    '--env',
    'A=1',
    '--env=B=c=d',
    '--env',
    'EMPTY=',
    '--env',
    'HERE',
    '--env',
    '__proto__=p',
    '--',
    'true',
  ];
  const { env = {} } = parseRunArgv(argv, { inherited: { HERE: 'copied', OTHER: 'not' } }).input;
  t.deepEqual(Object.entries(env), [
    ['A', '1'],
    ['B', 'c=d'],
    ['EMPTY', ''],
    ['HERE', 'copied'],
    ['__proto__', 'p'],
  ]);
});

for (const [code, argv, message] of [
  ['no-separator', [], /-- is missing/],
  ['no-separator', ['--kmem', '1M', 'apachectl', 'start'], /-- is missing/],
  ['unknown-option', ['--kmm', '1M'], /--kmm/],
  ['no-command', ['--kmem', '1M', '--'], /missing command/],
  ['unknown-option', ['--kmm', '1M', '--', 'rm'], /"--kmm"/],
  ['unknown-option', ['--kmm=1M', '--', 'rm'], /"--kmm"/],
  ['unknown-option', ['-k', '1M', '--', 'rm'], /"-k"/],
  ['unknown-option', ['-kmem', '1M', '--', 'rm'], /"-kmem"/],
  ['unknown-option', ['-qv', '--', 'rm'], /"-qv"/],
  ['unknown-option', ['--kmemTcp', '1M', '--', 'rm'], /"--kmemTcp"/],
  ['unknown-option', ['--kmem.x', '1M', '--', 'rm'], /"--kmem.x"/],
  ['unknown-option', ['--no-kmem', '--', 'rm'], /"--no-kmem"/],
  ['unknown-option', ['--no-no-aslr', '--', 'rm'], /"--no-no-aslr"/],
  ['unknown-option', ['--KMEM', '1M', '--', 'rm'], /"--KMEM"/],
  ['unknown-option', ['--__proto__', 'x', '--', 'rm'], /"--__proto__"/],
  ['unknown-option', ['--toString', '--', 'rm'], /"--toString"/],
  ['unknown-option', ['--_', 'x', '--', 'rm'], /"--_"/],
  ['unknown-option', ['--=x', '--', 'rm'], /unknown option/],
  ['unknown-option', ['---', '--', 'rm'], /"---"/],
  ['unknown-option', ['-1', '--', 'rm'], /"-1"/],
  ['unknown-option', ['--quiet', '-1M', '--', 'rm'], /"-1M"/],
  ['unexpected-argument', ['apachectl', '--', 'start'], /"apachectl"/],
  ['unexpected-argument', ['run', 'run', '--', 'x'], /"run"/],
  ['unexpected-argument', ['', '--', 'x'], /""/],
  ['unexpected-argument', ['-', '--', 'x'], /"-"/],
  ['unexpected-argument', ['--kmem', '1M', '2M', '--', 'x'], /"2M"/],
  ['unexpected-argument', ['1e3', '--', 'x'], /"1e3"/],
  ['missing-value', ['--kmem', '--', 'x'], /--kmem/],
  ['missing-value', ['--kmem', '--mem', '1M', '--', 'x'], /--kmem/],
  ['missing-value', ['--then', '-x', '--', 'x'], /--then/],
  ['duplicate-option', ['--kmem', '1M', '--kmem', '1M', '--', 'x'], /--kmem/],
  ['duplicate-option', ['--kmem', '1M', '--kmem=2M', '--', 'x'], /--kmem/],
  ['duplicate-option', ['--kmem=', '--kmem=2M', '--', 'x'], /--kmem/],
  ['duplicate-option', ['--aslr', '--aslr', '--', 'x'], /--aslr/],
  ['duplicate-option', ['--no-aslr', '--aslr=true', '--', 'x'], /--aslr/],
  ['duplicate-option', ['--env', 'A=1', '--env', 'A=2', '--', 'x'], /"A"/],
  ['bad-flag', ['--aslr=maybe', '--', 'x'], /--aslr=maybe/],
  ['bad-flag', ['--quiet=', '--', 'x'], /--quiet=/],
  ['bad-flag', ['--no-color=false', '--', 'x'], /--no-color=false/],
  ['bad-option', ['--reclaim', 'maybe', '--', 'x'], /--reclaim/],
  ['bad-option', ['--rcu-wait', 'maybe', '--', 'x'], /--rcu-wait/],
  ['bad-env', ['--env', '=x', '--', 'x'], /"=x"/],
  ['bad-env', ['--env', '', '--', 'x'], /""/],
  ['env-not-set', ['--env', 'KMEM_RUN_ABSENT', '--', 'x'], /"KMEM_RUN_ABSENT"/],
  ['json-on-stdout', ['--json', '-', '--', 'x'], /--json -/],
  ['json-on-stdout', ['--json=-', '--output', 'inherit', '--', 'x'], /--json -/],
  ['bad-output-file', ['--json', '/nonexistent/r.json', '--', 'x'], /^--json: /],
  ['bad-output-file', ['--json', '/etc', '--', 'x'], /^--json: /],
  ['bad-output-file', ['--json', '', '--', 'x'], /^--json: /],
  ['conflicting-options', ['--json', 'x.json', '--output', './x.json', '--', 'x'], /same file/],
  ['conflicting-options', ['--quiet', '--verbose', '--', 'x'], /--quiet/],
] as const) {
  test(`rejected: ${JSON.stringify(argv)}`, (t) => {
    t.regex(refused(t, code, () => parseRunArgv(argv)).message, message);
  });
}

for (const size of ['-1', '-1M', '0', '1xx', '1.5', '99999999999999999999', '']) {
  test(`--kmem ${JSON.stringify(size)} reaches the size parser`, (t) => {
    for (const before of [['--kmem', size], [`--kmem=${size}`]]) {
      const error = refused(t, 'bad-size', () => normaliseSpec(input(...before), { nameOf: optionName }));
      t.regex(error.message, /^--kmem: /);
    }
  });
}

test('the nearest option is suggested', (t) => {
  const hint = (option: string) => refused(t, 'unknown-option', () => parseRunArgv([option, '--', 'x'])).hint;
  t.is(hint('--kmm'), 'did you mean --kmem?');
  t.is(hint('-kmem'), 'did you mean --kmem?');
  t.is(hint('--expct'), 'did you mean --expect?');
  t.is(hint('--hlp'), 'did you mean --help?');
  t.regex(hint('--frobnicate'), /--help/);
});

test('--json - needs a free stdout; --json FILE becomes absolute', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  t.is(report('--json', '-', '--output', 'null').json, '-');
  t.is(report('--output', join(folder, 'out'), '--json', '-').json, '-');
  t.is(report('--json', join(folder, 'new.json')).json, join(folder, 'new.json'));
  t.is(report('--json', 'new.json').json, join(process.cwd(), 'new.json'));
});

test('the command is passed on unchanged', (t) => {
  const word = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '--',
      '--help',
      '--version',
      '-1',
      '',
      ' ',
      '--kmem',
      '--kmm=1',
      '-x',
      "'a'",
      '"b"',
      '1e3',
      '0x10',
      '--env',
      'run',
      '\n',
    ),
  );
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), fc.constantFrom([], ['run'], ['--kmem', '1M']), (command, before) => {
      t.deepEqual(parseRunArgv([...before, '--', ...command]).input.command, command);
    }),
    { numRuns: 1000 },
  );
});

test('any value of a text option arrives as written', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (lines) => {
      t.deepEqual(input(...lines.map((line) => `--then=${line}`)).then, lines);
    }),
    { numRuns: 1000 },
  );
});

test('any command line is parsed or rejected with a SetupError', (t) => {
  const names = Object.keys(OPTIONS).flatMap((name) => [`--${name}`, `--${name}=1`, `--no-${name}`]);
  const word = fc.oneof(fc.string(), fc.constantFrom(...names, '--', 'run', '1M', '-1', '-', '---', 'true', 'false'));
  fc.assert(
    fc.property(fc.array(word), (argv) => {
      const read = valueOrNull(() => parseRunArgv(argv));
      t.true(read === null || read.input.command.length > 0);
    }),
    { numRuns: 3000 },
  );
});

test('steps in the group and clients keep the order in which they were written', (t) => {
  t.deepEqual(input('--client', 'a', '--then=b', '--client=--c', '--then', 'd').then, [
    { client: 'a' },
    'b',
    { client: '--c' },
    'd',
  ]);
  t.deepEqual(input('--ready', 'tcp:80', '--stop', 'INT', '--background', '--quiet-for', '1s'), {
    ...{ command: ['true'], ready: 'tcp:80', stop: 'INT', background: true, quietFor: '1s' },
  });
});

test('every run key that users set has an option, and --help describes its value', (t) => {
  const keys = [
    'kmem',
    'mem',
    'memsw',
    'kmemTcp',
    'pids',
    'then',
    'enforce',
    'kernel',
    'vmMemory',
    'vmCpus',
    'rw',
    'freshVm',
    'cgroup',
    'parent',
    'reserve',
    'errno',
    'reclaim',
    'rcuWait',
    'profile',
    'allowIoUring',
    'onOverrun',
    'onFault',
    'onEscape',
    'traceGate',
    'inject',
  ];
  keys.push(
    'timeout',
    'grace',
    'hold',
    'wait',
    'expect',
    'cpus',
    'aslr',
    'user',
    'cwd',
    'env',
    'clearEnv',
    'output',
    'sample',
    ...['quietFor', 'quietLimit', 'client', 'ready', 'readyTimeout', 'background', 'stop'],
  );
  const options = new Map(runHelp().options.map((option) => [option.name, option]));
  for (const key of keys) t.true(options.has(optionName(key).slice(2)), key);
  for (const name of ['json', 'keep', 'label', 'store', 'quiet', 'verbose', 'no-color', 'dry-run', 'no-config'])
    t.true(options.has(name), name);
  t.is(options.size, keys.length + 10);
  for (const [name, { type }] of Object.entries(OPTIONS)) {
    if (name !== 'color' && name !== 'config') t.is(options.get(name)?.takes === null, type === 'boolean', name);
  }
});
