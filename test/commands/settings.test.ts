import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { assertRefused, makeHarness, type Ran, type Start } from '../harness.ts';

const root = join(import.meta.dirname, '..', '..');
const YAML = 'kmem-run.config.yaml';
const JSON_NAME = 'kmem-run.config.json';

/** kmem-run in a folder that only its user can change, which holds these files. */
function project(t: ExecutionContext, files: Readonly<Record<string, string>> = {}) {
  const harness = makeHarness(t);
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-settings-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const run = (args: readonly string[], env: Start['env'] = {}, start: Start = {}): Promise<Ran> =>
    harness.run(args, { json: false, cwd: folder, ...start, env });
  const dry = async (args: readonly string[], env: Start['env'] = {}, start: Start = {}) => {
    const { status, stdout, stderr } = await run([...args, '--dry-run', '--', 'true'], env, start);
    t.is(status, 0, stderr);
    return JSON.parse(stdout);
  };
  return { harness, folder, file: join(folder, YAML), run, dry };
}

test.serial(
  'the command line overrides the environment, which overrides the file, which overrides the default',
  async (t) => {
    const text = 'kmem: 1M\ntimeout: 5s\ngrace: 3s\nhold: 1s\nrun: { timeout: 6s, grace: 4s, hold: 2s }\n';
    const { file, dry } = project(t, { [YAML]: text });
    const env = { KMEM_RUN_GRACE: '7s', KMEM_RUN_HOLD: '8s' };
    const { limits, timeoutMs, graceMs, holdMs, quietForMs, sources } = await dry(['--hold', '9s'], env);
    t.is(limits.kmem, 2 ** 20);
    t.deepEqual([timeoutMs, graceMs, holdMs, quietForMs], [6000, 7000, 9000, 500]);
    const expected = {
      kmem: file,
      timeout: file,
      grace: 'KMEM_RUN_GRACE',
      hold: 'command line',
      'quiet-for': 'default',
    };
    t.like(sources, expected);
  },
);

test.serial('a limit in a file applies to the run', async (t) => {
  const { run, harness } = project(t, { [YAML]: 'kmem: 600K\nenforce: gate\n' });
  const { result } = await run(['--', 'true'], {}, { json: true });
  t.is(result?.spec.limits.kmem, 600 * 1024);
  t.is(result?.enforcement.mode, 'gate');
  harness.assertNothingLeft();
});

test.serial('values are taken as written in YAML, in JSON and in variables', async (t) => {
  const yaml = 'kernel: 5.10\nvm-cpus: 2\naslr: true\nreclaim: on\nenv: [A=b, C=d]\nthen: sleep 1\n';
  const json =
    '{"kernel": 5.10, "vm-cpus": 2, "aslr": true, "reclaim": "on", "env": ["A=b", "C=d"], "then": "sleep 1"}';
  const expected = { kernel: '5.10', aslr: true, reclaim: true, env: { A: 'b', C: 'd' }, then: ['sleep 1'] };
  for (const files of [{ [YAML]: yaml }, { [JSON_NAME]: json }] as const) {
    const spec = await project(t, files).dry([]);
    t.like(spec, expected);
    t.is(spec.vm.cpus, 2);
  }
  const env = { KMEM_RUN_KERNEL: '5.10', KMEM_RUN_VM_CPUS: '2', KMEM_RUN_ASLR: 'true', KMEM_RUN_ENV: 'A=b' };
  t.like(await project(t).dry([], env), { kernel: '5.10', aslr: true, env: { A: 'b' } });
  t.false((await project(t, { [YAML]: yaml }).dry(['--no-aslr'])).aslr);
});

test.serial('steps keep the file’s order; an option on the command line replaces the whole list', async (t) => {
  const { dry } = project(t, { [YAML]: 'client: first\nthen: [second, third]\nexpect: exit==0\n' });
  const steps = async (...args: string[]) => (await dry(args)).plan.map(({ run }: { run: unknown }) => run);
  t.deepEqual(await steps(), [['true'], 'first', 'second', 'third']);
  t.deepEqual(await steps('--then', 'only', '--expect', 'failcnt>0'), [['true'], 'first', 'only']);
});

test.serial('the nearest file is used; --no-config or KMEM_RUN_CONFIG=false ignores it', async (t) => {
  const { folder, dry } = project(t, { [YAML]: 'kmem: 1M\nmem: 9M\n' });
  const inner = join(folder, 'inner');
  mkdirSync(join(inner, 'below'), { recursive: true });
  const cwd = join(inner, 'below');
  t.is((await dry([], {}, { cwd })).limits.kmem, 2 ** 20);
  writeFileSync(join(inner, YAML), 'kmem: 2M\n');
  t.like((await dry([], {}, { cwd })).limits, { kmem: 2 ** 21, mem: null });
  t.is((await dry(['--no-config'], {}, { cwd })).limits.kmem, null);
  t.is((await dry([], { KMEM_RUN_CONFIG: 'false' }, { cwd })).limits.kmem, null);
  t.is((await dry(['--config'], { KMEM_RUN_CONFIG: 'false' }, { cwd })).limits.kmem, 2 ** 21);
});

const wrong: readonly (readonly [text: string, message: RegExp, hint: RegExp])[] = [
  ['kmen: 1M', /^kmem-run: kmen in ".*yaml": unknown option --kmen$/m, /did you mean kmem\?/],
  ['sweep: { reepat: 5 }', /sweep\.reepat in ".*yaml": unknown option/, /did you mean repeat\?/],
  ['swep: { repeat: 5 }', /swep in ".*yaml" is not a section/, /did you mean sweep\?/],
  ['no-aslr: true', /no-aslr in ".*yaml": unknown option/, /write aslr: false/],
  ['kmem: 1X', /^kmem-run: kmem in ".*yaml": "1X" is not a size$/m, /900K/],
  ['enforce: gat', /enforce in ".*yaml": "gat" is not one of/, /did you mean gate\?/],
  ['aslr: on', /aslr in ".*yaml": "on" is neither true nor false/, /true or false/],
  ['json: a.json\noutput: a.json', /output in ".*yaml" and json in ".*yaml" name the same file/, /two files/],
  ['kmem: [1M, 2M]', /kmem in ".*yaml" accepts one value, not a list/, /one value/],
  ['kmem:', /kmem in ".*yaml" has no value/, /as on the command line/],
  ['env: [{ A: b }]', /env in ".*yaml" contains a map/, /as on the command line/],
  ['dry-run: true', /dry-run in ".*yaml" can be set only on the command line/, /write --dry-run/],
  ['kmem: 1M\nkmem: 2M', /yaml:2:1": Map keys must be unique/, /--no-config/],
  ['- kmem', /".*yaml" has no keys/, /--no-config/],
  ['kmem: "1M', /".*yaml:2:1": Missing closing/, /--no-config/],
];

test.serial('an error in a file is reported with its key and file, and nothing runs', async (t) => {
  for (const [text, message, hint] of wrong) {
    const { run, harness } = project(t, { [YAML]: `${text}\n` });
    const ran = await run(['--', 'touch', harness.path('marker')]);
    assertRefused(t, ran, message);
    t.regex(ran.stderr.split('hint: ')[1] ?? '', hint, text);
    t.false(harness.has('marker'), text);
  }
  assertRefused(
    t,
    await project(t, { [JSON_NAME]: '{"kmem": ' }).run(['--', 'true']),
    /json" cannot be read: it is not JSON/,
  );
  assertRefused(
    t,
    await project(t, { [JSON_NAME]: '{"kmem": null}' }).run(['--', 'true']),
    /kmem in ".*json" has no value/,
  );
  assertRefused(
    t,
    await project(t, { [JSON_NAME]: '{}', [YAML]: '' }).run(['--', 'true']),
    /contains both kmem-run\.config\.json and/,
  );
  t.is((await project(t, { [YAML]: '# nothing yet\n' }).run(['--', 'true'])).status, 0);
});

const wrongVariables: readonly (readonly [name: string, value: string, message: RegExp, hint: RegExp])[] = [
  ['KMEM_RUN_KMME', '1M', /KMEM_RUN_KMME: unknown option --kmme$/, /did you mean KMEM_RUN_KMEM\?/],
  ['KMEM_RUN_VERSION_OF_CI', '1', /unknown option --version-of-ci$/, /unset it/],
  ['KMEM_RUN_KMEM', '1X', /KMEM_RUN_KMEM: "1X" is not a size/, /900K/],
  ['KMEM_RUN_KMEM', '', /KMEM_RUN_KMEM is empty/, /unset it/],
  ['KMEM_RUN_NO_ASLR', 'true', /KMEM_RUN_NO_ASLR: unknown option/, /write KMEM_RUN_ASLR=false/],
  ['KMEM_RUN_ASLR', '1', /KMEM_RUN_ASLR: "1" is neither true nor false/, /true or false/],
  ['KMEM_RUN_DRY_RUN', 'true', /KMEM_RUN_DRY_RUN can be set only on the command line/, /write --dry-run/],
  ['KMEM_RUN_MEMSW', '1M', /KMEM_RUN_MEMSW.*--mem/, /--mem/],
];

test.serial('an invalid variable is named, and nothing runs', async (t) => {
  const { run, harness } = project(t);
  for (const [name, value, message, hint] of wrongVariables) {
    const ran = await run(['--', 'touch', harness.path('marker')], { [name]: value });
    assertRefused(t, ran, message);
    t.regex(ran.stderr.split('hint: ')[1] ?? '', hint, name);
  }
  t.false(harness.has('marker'));
});

test.serial('variables that are not options, and options of other commands, are ignored', async (t) => {
  const { dry } = project(t, { [YAML]: 'jobs: 2\nsweep: { kmem: "1M,2M" }\n' });
  const others = { KMEM_RUN_DEBUG: '1', KMEM_RUN_KERNELS: '/nowhere', KMEM_RUN_DIR: '/tmp', KMEM_RUN_PORT: '1' };
  const { sources } = await dry([], { ...others, KMEM_RUN_TEST_SOAK: '1', KMEM_RUN_WARMUP: '3' });
  t.deepEqual(new Set(Object.values(sources)), new Set(['default', 'command line']));
});

test.serial('no option shares the name of another variable', async (t) => {
  const { run } = project(t);
  for (const command of ['run', 'sweep', 'bisect', 'explore', 'scenario', 'replay', 'fidelity'])
    t.notRegex((await run([command, '--help'])).stdout, /--(debug|dir|kernels|port|test\S*)[ \n]/, command);
});

test.serial('commands that run nothing ignore settings, or use only the store', async (t) => {
  const { run } = project(t, { [YAML]: 'kmen: 1M\n' });
  for (const args of [['scenario', 'list'], ['completion', 'bash'], ['run', '--help'], ['--version']])
    t.is((await run(args)).status, 0, args.join(' '));
  assertRefused(t, await run(['history']), /unknown option --kmen/);
  assertRefused(t, await run(['history', '--no-config', '--store', '/nowhere']), /no such store: "\/nowhere"/);
});

test.serial('the command line overrides settings that it cannot be combined with', async (t) => {
  const { run, dry, folder } = project(t, {
    [YAML]: 'label: mine\nstore: kept.db\nquiet: true\nvm-memory: 2G\nparent: /sys/fs/cgroup/none\n',
  });
  t.is((await run(['--no-keep', '--parent', '/nowhere', '--', 'true'])).stderr.includes('/nowhere'), true);
  const { sources, kernel, vm, parent } = await dry(['--kernel', 'x', '--verbose', '--no-keep']);
  t.like(sources, {
    label: 'default',
    store: 'default',
    quiet: 'default',
    parent: 'default',
    'vm-memory': join(folder, YAML),
  });
  t.deepEqual([kernel, parent, vm.memory], ['x', null, 2 ** 31]);
  t.is((await dry([])).vm, null);
});

test.serial('--json from settings also gets the error of an invalid option', async (t) => {
  const { harness, run } = project(t);
  const ran = await run(['--kmem', '1X', '--', 'true'], { KMEM_RUN_JSON: harness.path('error.json') });
  assertRefused(t, ran, /--kmem/);
  t.is(JSON.parse(harness.read('error.json')).error.code, 'bad-size');
});

test.serial(
  'sweep has its section, bisect ignores others’ limits, and --resume keeps its original settings',
  async (t) => {
    const files = { [YAML]: 'kmem: 4M\ntimeout: 9s\nsweep: { repeat: 2, kmem: "2M,4M", seed: 1, warmup: 0 }\n' };
    const { dry, run, harness, file } = project(t, files);
    const swept = await dry(['sweep']);
    t.like(swept, { repeat: 2, axes: { kmem: [2 ** 21, 2 ** 22] }, input: { timeout: '9s' } });
    t.like(swept.sources, { repeat: file, kmem: file, jobs: 'default' });
    t.is((await dry(['bisect'])).sources.kmem, 'default');
    const store = harness.path('s.db');
    const first = await run(['sweep', '--store', store, '--', 'true']);
    t.is(first.status, 0, first.stderr);
    const listed = await run(['history'], { KMEM_RUN_STORE: store });
    t.regex(listed.stdout, /sweep, done/);
    const [id = ''] = /^\w{12}/m.exec(listed.stdout) ?? [];
    const resumed = await run(['sweep', '--resume', id], { KMEM_RUN_STORE: store });
    t.is(resumed.status, 0, resumed.stderr);
    harness.assertNothingLeft();
  },
);

test.serial('a scenario’s own keys override settings', async (t) => {
  const { dry, run, harness, folder } = project(t, { [YAML]: 'kmem: 1M\ntimeout: 3s\nenforce: none\nthen: "false"\n' });
  const scenario = (name: string, keys: string) =>
    writeFileSync(join(folder, `${name}.yaml`), `description: x\n${keys}steps:\n  - run: 'true'\n`);
  scenario('own', 'enforce: gate\nlimits: { kmem: 8M }\ntimeout: 7s\n');
  scenario('without', 'limits: { kmem: 8M }\n');
  const sweep = async (name: string) => {
    const { stdout, stderr } = await run(['sweep', '--dry-run', '--scenario', `./${name}.yaml`, '--pids', '100']);
    t.is(stderr, '');
    return JSON.parse(stdout);
  };
  const own = await sweep('own');
  t.like(own.input, { enforce: 'gate', kmem: '8M', timeout: '7s' });
  t.like(own.sources, { kmem: 'scenario, or default', enforce: `scenario, or ${join(folder, YAML)}` });
  t.is((await sweep('without')).input.enforce, 'none');
  for (const [name, mode] of [
    ['own', 'gate'],
    ['without', 'none'],
  ] as const) {
    const { status, stdout } = await run(['scenario', 'run', `./${name}.yaml`, '--format', 'json']);
    t.is(status, 0, stdout);
    t.like(JSON.parse(stdout).scenarios[0].results[0], {
      enforcement: { mode },
      spec: { limits: { kmem: 8 * 2 ** 20 } },
    });
  }
  t.is((await dry([])).limits.kmem, 2 ** 20);
  harness.assertNothingLeft();
});

test.serial('the library reads neither files nor variables', async (t) => {
  const { folder } = project(t, { [YAML]: 'kmem: 1M\nnonsense: 1\n' });
  const program = `import(${JSON.stringify(join(root, 'dist', 'index.js'))}).then(async ({ run }) => {
    const { spec } = await run({ command: ['true'], output: 'null' });
    console.log(spec.limits.kmem);
  })`;
  const env = { KMEM_RUN_KMEM: '2M' };
  const { stdout } = await execa(process.execPath, ['-e', program], { cwd: folder, env });
  t.is(stdout, 'null');
});
