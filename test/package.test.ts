import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const folder = mkdtempSync(join(tmpdir(), 'kmem-run-package-'));
const user = join(folder, 'user');
const installed = join(user, 'node_modules', 'kmem-run');
const cache = join(folder, 'cache');

function sh(cwd: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, XDG_CACHE_HOME: cache, ...env } });
}

function kmemRun(args: string[], env: NodeJS.ProcessEnv = {}) {
  return sh(user, join(user, 'node_modules', '.bin', 'kmem-run'), args, env);
}

function helpers() {
  const kept = join(cache, 'kmem-run');
  return existsSync(kept) ? readdirSync(kept).filter((name) => name.startsWith('kmem-helper')) : [];
}

test.before('pack, and install what was packed somewhere else', (t) => {
  t.true(existsSync(join(root, 'dist', 'cli.cjs')), 'npm run build first');
  // Without the scripts: `prepare` would replace dist/ while other tests use it.
  const packed = sh(root, 'npm', ['pack', '--ignore-scripts', '--pack-destination', folder]);
  t.is(packed.status, 0, packed.stderr);
  mkdirSync(user);
  writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }');
  const tarball = join(folder, `kmem-run-${version}.tgz`);
  const added = sh(user, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball]);
  t.is(added.status, 0, added.stderr);
});

test.after.always('remove it', () => rmSync(folder, { recursive: true, force: true }));

test.serial('the package contains exactly what is needed to run', (t) => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  const needed = [
    'LICENSE',
    'README.md',
    'bin/kmem-run.js',
    'dist/cli.cjs',
    'dist/guest-start.cjs',
    'dist/zod.cjs',
    'dist/yaml.cjs',
    'dist/pprof-format.cjs',
    'dist/report.cjs',
    'dist/report-page.js',
    'dist/plots.cjs',
    'dist/index.js',
  ];
  const alsoNeeded = [
    'man/kmem-run.1',
    'man/kmem-run-sweep.1',
    'dist/types/index.d.ts',
    'dist/THIRD-PARTY-LICENSES.txt',
    'src/native/common/json.h',
    'src/native/helper/main.c',
    'src/native/agent/main.c',
    'scenarios/httpd.yaml',
  ];
  t.deepEqual(
    [...needed, ...alsoNeeded].filter((file) => !files.includes(file)),
    [],
  );
  t.deepEqual(
    files.filter((file) => /^(test|bench|node_modules|dist\/kmem-|.*[^d]\.ts$)/.test(file)),
    [],
  );
});

test.serial('--version', (t) => {
  const { stdout, stderr, status } = kmemRun(['--version']);
  t.deepEqual({ stdout, stderr, status }, { stdout: `${version}\n`, stderr: '', status: 0 });
  t.deepEqual(helpers(), [], 'nothing is compiled for that');
});

test.serial('without a compiler the run fails, and the error names the Debian packages', (t) => {
  const bin = join(folder, 'bin');
  const marker = join(folder, 'marker');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  const { stderr, status } = kmemRun(['--', '/bin/touch', marker], { PATH: bin });
  t.is(status, 125);
  t.regex(stderr, /apt-get install gcc libc6-dev/);
  t.false(existsSync(marker));
  t.deepEqual(helpers(), []);
});

test.serial('the first run builds the helper in the user’s cache folder, and the next one reuses it', (t) => {
  for (const marker of ['first', 'next']) {
    const { stderr, status } = kmemRun(['--quiet', '--', '/bin/touch', marker]);
    t.is(status, 0, stderr);
    t.true(existsSync(join(user, marker)));
    t.is(helpers().length, 1);
  }
});

test.serial('the library can be imported, and user code type-checks against it', (t) => {
  const script = `
    import { bisect, explore, run, SetupError, sweep } from 'kmem-run';
    console.log([run, sweep, bisect, explore].map((one) => typeof one).join(), new SetupError('code', 'message', 'hint').code);`;
  const { stdout, stderr } = sh(user, process.execPath, ['--input-type=module', '-e', script]);
  t.is(stdout, 'function,function,function,function code\n', stderr);

  const program = `
    import { type BisectReport, bisect, explore, type Result, run, sweep } from 'kmem-run';
    export const peak = async (spec: Parameters<typeof run>[0]): Promise<number | null> => {
      const result: Result = await run(spec);
      // @ts-expect-error A type that had come out as any would allow this.
      result.noSuchKey;
      return result.kmem.maxUsage;
    };
    export const events = async (signal: AbortSignal): Promise<number> => {
      for await (const event of run({ command: ['true'] }, { signal })) {
        // @ts-expect-error Only an event of a failure has one.
        event.failure;
        if (event.type === 'failure') return event.failure.atMs;
      }
      for await (const event of sweep({ command: ['true'], kmem: [4096, '1M'], pids: '1..4:1', repeat: 2 })) {
        if (event.type === 'run') return event.result.kmem.failcnt ?? event.total;
      }
      return (await explore({ command: ['true'], only: ['openat'] })).score ?? 0;
    };
    export const limit = async (): Promise<number | null> => {
      const { answer }: BisectReport = await bisect({ command: ['true'], lo: '1M' });
      // @ts-expect-error It may not have been found.
      answer.between;
      return answer.kind === 'found' ? answer.passesAt : null;
    };
    // @ts-expect-error It is what is looked for.
    bisect({ command: ['true'], kmem: '1M' });
    // @ts-expect-error There is no such key.
    sweep({ command: ['true'], repeet: 2 });`;
  writeFileSync(join(user, 'peak.ts'), program);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', ...types];
  const checked = sh(user, process.execPath, [tsc, ...options, 'peak.ts']);
  t.is(checked.stdout, '');
});
