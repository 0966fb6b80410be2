import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { normaliseSpec, type RunInput } from '../../src/request/normalise.ts';
import type { SERVER_KEYS } from '../../src/request/server-plan.ts';
import { refused, valueOrNull } from './refusal.ts';

const command = ['true'];
function wrong(input: object) {
  return () => normaliseSpec(input as RunInput);
}

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('fills defaults', (t) => {
  t.deepEqual(normaliseSpec({ command }), {
    command: ['true'],
    then: [],
    plan: null,
    template: null,
    limits: { kmem: null, mem: null, memsw: null, kmemTcp: null, pids: null },
    enforce: 'auto',
    kernel: null,
    vm: null,
    cgroup: 'auto',
    parent: null,
    reserve: null,
    errno: 'native',
    reclaim: false,
    rcuWait: true,
    profile: false,
    allowIoUring: false,
    onOverrun: 'note',
    onFault: 'note',
    onEscape: 'note',
    traceGate: null,
    timeoutMs: null,
    graceMs: 2000,
    holdMs: 0,
    wait: 'quiet',
    quietForMs: 500,
    quietLimitMs: 5000,
    expect: [],
    cpus: null,
    aslr: false,
    user: null,
    cwd: process.cwd(),
    env: {},
    clearEnv: false,
    output: 'inherit',
    sampleMs: 50,
    seed: null,
    inject: [],
  });
});

test('every key', (t) => {
  const folder = scratch(t);
  const input: Required<Omit<RunInput, (typeof SERVER_KEYS)[number]>> = {
    command: ['sh', '-c', '', '--'],
    then: ['echo'],
    kmem: '1000000',
    mem: 20_000_000,
    memsw: '20M',
    kmemTcp: '64K',
    pids: '12',
    enforce: 'gate',
    kernel: 'debian-11',
    vmMemory: '600.5M',
    vmCpus: '2',
    rw: [folder, folder],
    freshVm: true,
    cgroup: 'v1',
    parent: null,
    reserve: '1',
    errno: 'enomem',
    reclaim: true,
    rcuWait: false,
    profile: true,
    allowIoUring: true,
    onOverrun: 'kill',
    onFault: 'kill',
    onEscape: 'kill',
    traceGate: join(folder, 'trace'),
    timeout: '1.5s',
    grace: 0,
    hold: '10ms',
    wait: 'empty',
    quietFor: '1s',
    quietLimit: 3000,
    expect: ['steps[1].exit==0'],
    cpus: [0],
    aslr: true,
    user: 1000,
    cwd: folder,
    env: { A: 'b=c', EMPTY: '' },
    clearEnv: true,
    output: { file: join(folder, 'out') },
    sample: 'off',
    seed: 7,
    inject: ['0.1/17:mmap'],
  };
  t.deepEqual(normaliseSpec(input), {
    command: ['sh', '-c', '', '--'],
    then: ['echo'],
    plan: null,
    template: null,
    limits: { kmem: 999_424, mem: 19_996_672, memsw: 20_971_520, kmemTcp: 65_536, pids: 12 },
    enforce: 'gate',
    kernel: 'debian-11',
    vm: { memory: 600 * 2 ** 20, cpus: 2, rw: [folder], fresh: true },
    cgroup: 'v1',
    parent: null,
    reserve: 1,
    errno: 'enomem',
    reclaim: true,
    rcuWait: false,
    profile: true,
    allowIoUring: true,
    onOverrun: 'kill',
    onFault: 'kill',
    onEscape: 'kill',
    traceGate: join(folder, 'trace'),
    timeoutMs: 1500,
    graceMs: 0,
    holdMs: 10,
    wait: 'empty',
    quietForMs: 1000,
    quietLimitMs: 3000,
    expect: ['steps[1].exit==0'],
    cpus: [0],
    aslr: true,
    user: '1000',
    cwd: folder,
    env: { A: 'b=c', EMPTY: '' },
    clearEnv: true,
    output: { file: join(folder, 'out') },
    sampleMs: null,
    seed: 7,
    inject: ['0.1/17:mmap'],
  });
});

test('memory and swap together may equal memory alone', (t) => {
  t.is(normaliseSpec({ command, mem: '2M', memsw: '2M' }).limits.memsw, 2_097_152);
});

test('undefined is omitted, null means none', (t) => {
  const given = { command, kmem: undefined, grace: undefined, cpus: null, timeout: null, sample: null, mem: null };
  t.deepEqual(normaliseSpec(given), normaliseSpec({ command, sample: 'off' }));
});

test('the result is deeply frozen, and the input is not', (t) => {
  const input = { command: ['true'], env: { A: '1' }, cpus: [0] };
  const spec = normaliseSpec(input);
  for (const part of [spec, spec.command, spec.limits, spec.env, spec.cpus, spec.expect]) t.true(Object.isFrozen(part));
  input.command.push('x');
  input.env.A = '2';
  t.deepEqual([spec.command, spec.env], [['true'], { A: '1' }]);
});

for (const [code, input, message] of [
  ['no-command', {}, /no command/],
  ['no-command', { command: [] }, /no command/],
  ['no-command', { command: 'true' }, /no command/],
  ['bad-command', { command: [''] }, /argument 0/],
  ['bad-command', { command: ['a', 'b\0c'] }, /argument 1/],
  ['bad-command', { command: ['a', 3] }, /argument 1/],
  ['unknown-key', { command, kmen: 1 }, /"kmen"/],
  ['unknown-key', { command, 'kmem-tcp': 1 }, /"kmem-tcp"/],
  ['unknown-key', { command, timeoutMs: 1 }, /"timeoutMs"/],
  ['bad-size', { command, kmem: '0' }, /^kmem: /],
  ['bad-size', { command, mem: -1 }, /^mem: /],
  ['bad-size', { command, kmemTcp: '1xx' }, /^kmemTcp: /],
  ['bad-size', { command, reserve: 'x' }, /^reserve: /],
  ['bad-size', { command, kmem: {} }, /^kmem: /],
  ['bad-pids', { command, pids: 0 }, /^pids: /],
  ['bad-pids', { command, pids: 1.5 }, /^pids: /],
  ['bad-pids', { command, pids: '1K' }, /^pids: /],
  ['bad-pids', { command, pids: 4_194_305 }, /^pids: /],
  ['bad-memsw', { command, memsw: '1M' }, /requires mem/],
  ['bad-memsw', { command, mem: '2M', memsw: '1M' }, /below mem/],
  ['bad-duration', { command, timeout: 0 }, /^timeout: /],
  ['bad-duration', { command, timeout: '1x' }, /^timeout: /],
  ['bad-duration', { command, grace: -1 }, /^grace: /],
  ['bad-duration', { command, grace: null }, /^grace: /],
  ['bad-duration', { command, hold: '25d' }, /^hold: /],
  ['bad-duration', { command, sample: '0' }, /^sample: /],
  ['bad-option', { command, enforce: 'gat' }, /^enforce: "gat"/],
  ['bad-option', { command, cgroup: 1 }, /^cgroup: /],
  ['bad-option', { command, errno: 'ENOMEM!' }, /^errno: /],
  ['bad-option', { command, wait: null }, /^wait: /],
  ['bad-option', { command, aslr: 'no' }, /^aslr: /],
  ['bad-option', { command, reclaim: 'on' }, /^reclaim: /],
  ['bad-option', { command, clearEnv: 1 }, /^clearEnv: /],
  ['bad-option', { command, kernel: '' }, /^kernel: /],
  ['bad-option', { command, parent: 'a\0' }, /^parent: /],
  ['bad-option', { command, user: '' }, /^user: /],
  ['bad-option', { command, user: -1 }, /^user: /],
  ['bad-option', { command, then: 'echo' }, /^then: /],
  ['bad-option', { command, then: [''] }, /^then: /],
  ['bad-option', { command, expect: 'exit==0' }, /^expect: /],
  ['bad-option', { command, output: 'inhert' }, /^output: /],
  ['bad-option', { command, seed: 1.5 }, /^seed: /],
  [
    'bad-address',
    { command, inject: ['0/1', '0.1/x:mmap'] },
    /^inject: "0\.1\/x:mmap" is not the address of a call: "x:mmap" \(character 5\)/,
  ],
  ['bad-address', { command, then: ['true'], inject: ['1/1', '2/1'] }, /^inject: "2\/1": there is no step 2$/],
  [
    'conflicting-options',
    { command, inject: ['0/1'], enforce: 'native' },
    /^inject requires the gate, .* enforce native/,
  ],
  ['conflicting-options', { command, inject: ['0/1'], enforce: 'none' }, /^inject requires the gate, .* enforce none/],
  ['bad-option', { command, inject: [1] }, /^inject: /],
  ['bad-cpus', { command, cpus: '65535' }, /65535/],
  ['bad-cwd', { command, cwd: '/nonexistent' }, /does not exist/],
  ['bad-cwd', { command, cwd: '/etc/passwd' }, /not a folder/],
  ['bad-cwd', { command, cwd: `/${'x'.repeat(5000)}` }, /ENAMETOOLONG/],
  ['bad-env', { command, env: { 'A=B': '1' } }, /"A=B"/],
  ['bad-env', { command, env: { '': '1' } }, /""/],
  ['bad-env', { command, env: { A: '\0' } }, /value of A/],
  ['bad-env', { command, env: { A: 1 } }, /value of A/],
  ['bad-env', { command, env: ['A=1'] }, /^env: /],
  ['bad-expectation', { command, expect: ['exit=0'] }, /exit=0/],
  ['bad-expectation', { command, expect: ['steps[1].exit==0'] }, /no step 1/],
  ['bad-expectation', { command, then: ['a', 'b'], expect: ['steps[3].failcnt==0'] }, /no step 3/],
  ['bad-output-file', { command, output: { file: '/nonexistent/out' } }, /no such folder/],
  ['bad-output-file', { command, output: { file: '/etc' } }, /is a folder/],
  ['bad-output-file', { command, output: { file: '' } }, /not a path/],
  ['bad-output-file', { command, output: { file: 3 } }, /not a path/],
] as const) {
  test(`rejected: ${JSON.stringify(input).slice(0, 90)}`, (t) => {
    t.regex(refused(t, code, wrong(input)).message, message);
  });
}

test('rejects a non-object', (t) => {
  for (const input of [null, undefined, 'true', 3, []]) refused(t, 'no-command', wrong(input as unknown as object));
});

test('errors suggest the intended name', (t) => {
  t.is(refused(t, 'unknown-key', wrong({ command, kmen: 1 })).hint, 'did you mean kmem?');
  t.is(refused(t, 'unknown-key', wrong({ command, 'kmem-tcp': 1 })).hint, 'did you mean kmemTcp?');
  t.is(refused(t, 'bad-option', wrong({ command, enforce: 'gat' })).hint, 'did you mean gate?');
});

test('errors use the names of the calling interface', (t) => {
  const nameOf = (key: string) => `--${key}`;
  t.regex(refused(t, 'bad-size', () => normaliseSpec({ command, kmem: '0' }, { nameOf })).message, /^--kmem: /);
  t.regex(
    refused(t, 'bad-memsw', () => normaliseSpec({ command, memsw: '1M' }, { nameOf })).message,
    /^--memsw requires --mem: /,
  );
});

test('an output file is checked before anything runs', (t) => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'folder'));
  symlinkSync('nowhere', join(folder, 'dangling'));
  const file = (name: string) => normaliseSpec({ command, output: { file: join(folder, name) } }).output;
  t.deepEqual(file('file'), { file: join(folder, 'file') });
  t.deepEqual(file('new'), { file: join(folder, 'new') });
  t.deepEqual(file('dangling'), { file: join(folder, 'dangling') });
  for (const name of ['folder', 'new/', 'file/new', 'absent/new']) refused(t, 'bad-output-file', () => file(name));
  t.deepEqual(normaliseSpec({ command, output: { file: '/dev/null' } }).output, { file: '/dev/null' });
});

test('paths are resolved against the current folder', (t) => {
  const spec = normaliseSpec({ command, cwd: '.', output: { file: 'some-output' } });
  t.is(spec.cwd, process.cwd());
  t.deepEqual(spec.output, { file: join(process.cwd(), 'some-output') });
});

test('a variable may have an odd name', (t) => {
  const env = JSON.parse('{"__proto__": "x", "toString": "y"}');
  t.deepEqual(Object.entries(normaliseSpec({ command, env }).env), Object.entries(env));
});

test('any object is a spec or a SetupError', (t) => {
  const keys = Object.keys(normaliseSpec({ command }));
  const key = fc.constantFrom(...keys, 'kmem', 'mem', 'memsw', 'kmemTcp', 'pids', 'timeout', 'grace', 'hold', 'sample');
  const value = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.array(fc.string()), fc.object());
  fc.assert(
    fc.property(fc.dictionary(key, value), fc.boolean(), (input, runnable) => {
      const spec = valueOrNull(wrong(runnable ? { ...input, command } : input));
      t.true(spec === null || Object.isFrozen(spec));
    }),
    { numRuns: 2000 },
  );
});
