import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';

const root = join(import.meta.dirname, '..', '..');

const natives = {
  'kmem-helper': 'native/helper/main.c',
  'kmem-agent': 'native/agent/main.c',
  'kmem-exhaust': 'native/exhaust/main.c',
};

/** A checkout without node_modules, whose C programs are one line each. */
function makeCheckout(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-build-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const file of ['package.json', 'bin']) {
    cpSync(join(root, file), join(folder, file), { recursive: true });
  }

  for (const source of Object.values(natives)) {
    mkdirSync(join(folder, 'src', dirname(source)), { recursive: true });
    writeFileSync(join(folder, 'src', source), 'int main(void)\n{\n    return 0;\n}\n');
  }

  return folder;
}

function build(folder: string, env: NodeJS.ProcessEnv = process.env) {
  return spawnSync(process.execPath, [join(folder, 'bin', 'build.js')], { encoding: 'utf8', env });
}

test('without devDependencies the build names what is missing but still compiles the C programs', (t) => {
  const folder = makeCheckout(t);
  const { stderr, status } = build(folder);
  t.is(status, 1);
  t.regex(stderr, /^build: .*esbuild and typescript not installed \(devDependencies\)\nhint: .*--omit=dev.*\n$/);
  for (const name of Object.keys(natives)) t.is(spawnSync(join(folder, 'dist', name)).status, 0);
});

test('without devDependencies earlier bundles are kept', (t) => {
  const folder = makeCheckout(t);
  mkdirSync(join(folder, 'dist'));
  for (const bundle of ['cli.cjs', 'guest.cjs', 'index.js', 'report-page.js'])
    writeFileSync(join(folder, 'dist', bundle), '');
  const { stdout, stderr, status } = build(folder);
  t.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  t.regex(stdout, /kept as it was built before/);
});

test('without a compiler the Debian packages are named', (t) => {
  const folder = makeCheckout(t);
  const { stderr, status } = build(folder, { PATH: folder });
  t.is(status, 1);
  t.regex(stderr, /cc is not in PATH\nhint: .*apt-get install gcc libc6-dev\n/);
  t.false(existsSync(join(folder, 'dist', 'kmem-helper')));
});

test('the helper is recompiled when its source changes, and warnings are errors', (t) => {
  const folder = makeCheckout(t);
  const helper = join(folder, 'dist', 'kmem-helper');
  const rebuilt = () => build(folder).stdout.includes('kmem-helper');
  t.true(rebuilt());
  t.false(rebuilt());

  writeFileSync(join(folder, 'src/native/helper/main.c'), 'int main(void)\n{\n    return 3;\n}\n');
  t.true(rebuilt());
  t.is(spawnSync(helper).status, 3);

  writeFileSync(join(folder, 'src/native/helper/main.c'), 'int main(void)\n{\n    int unused;\n    return 4;\n}\n');
  t.regex(build(folder).stderr, /unused/);
  t.is(spawnSync(helper).status, 3, 'what was there is left alone');
});

test('modules loaded at every start are found through the import chain', async (t) => {
  // Plain JavaScript of the build, without types.
  const plugins: string = join(root, 'bin', 'bundle-plugins.js');
  const { assertLazy } = await import(plugins);
  const inputs = (kind: string) => ({
    'src/cli.ts': { imports: [{ path: 'src/json.ts', kind }] },
    'src/json.ts': {
      imports: [
        { path: 'src/cli.ts', kind: 'import-statement' },
        { path: './zod.cjs', kind: 'import-statement', external: true },
      ],
    },
  });
  t.notThrows(() => assertLazy({ inputs: inputs('dynamic-import') }, 'src/cli.ts', ['zod']));
  t.throws(() => assertLazy({ inputs: inputs('import-statement') }, 'src/cli.ts', ['zod']), {
    message: 'zod would be loaded at each start: src/cli.ts → src/json.ts → ./zod.cjs',
  });
});
