import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';

const script = join(import.meta.dirname, '..', '..', '.ci', 'run');

/** Runs .ci/run where `npm` and Debian's tools are stand-ins; `npmTest` is shell for what `npm test` does. */
const run = (
  t: ExecutionContext,
  npmTest: string,
  { npmCi = 'true', install = 'true', state = 'installed', kernel = 'true' } = {},
) => {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-ci-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  cpSync(script, join(folder, '.ci', 'run'));
  const tools = {
    npm: `case "$*" in ci) ${npmCi} ;; 'test -- --tap') ${npmTest} ;; *) echo "npm $*"; exit 9 ;; esac`,
    npx: `echo "npx $*"; ${kernel}`,
    'dpkg-query': `printf ${state}`,
    'apt-get': `echo "apt-get $*"; ${install}`,
  };
  for (const [name, text] of Object.entries(tools)) {
    writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  }

  const { stdout, status } = spawnSync(join(folder, '.ci', 'run'), {
    encoding: 'utf8',
    env: { PATH: `${bin}:${process.env.PATH}`, TMPDIR: folder, POLICY_RC_D: join(folder, 'policy-rc.d') },
  });
  t.deepEqual(readdirSync(folder).sort(), ['.ci', 'bin'], 'it leaves nothing behind');
  return { stdout, last: stdout.trimEnd().split('\n').at(-1), status };
};

const tap = (lines: string, end = 'true') => `cat <<'END'\nTAP version 13\n${lines}\nEND\n${end}`;
const counted = (t: ExecutionContext, npmTest: string) => {
  const { last, status } = run(t, npmTest);
  return [last, status];
};

test('passed, skipped and failed tests are counted', (t) => {
  t.deepEqual(counted(t, tap('ok 1 - a\nok 2 - b\n\n1..2\n# tests 2\n# pass 2\n# fail 0')), ['2 passed, 0 failed', 0]);
  t.deepEqual(
    counted(t, tap('ok 1 - a\nok 2 - b # SKIP\nnot ok 3 - c # TODO\n\n1..3\n# tests 2\n# pass 1\n# skip 1\n# fail 1')),
    ['1 passed, 0 failed, 2 skipped', 0],
  );
  t.deepEqual(
    counted(t, tap('ok 1 - a\nnot ok 2 - b\n  ---\n    ok 9 - no\n\n1..2\n# tests 2\n# pass 1\n# fail 1', 'exit 1')),
    ['1 passed, 1 failed', 1],
  );
});

test('what failed is told once more at the end, without the lines of what passed', (t) => {
  const lines =
    'not ok 1 - a\n  ---\n    at: here\n  ...\nok 2 - b\n# c\nnot ok 3 - d # TODO\nnot ok 4 - e\n\n1..4\n# fail 3';
  const { stdout } = run(t, tap(lines, 'exit 1'));
  const [, told] = stdout.split('=== failed:\n');
  t.is(told, 'not ok 1 - a\n  ---\n    at: here\n  ...\nnot ok 4 - e\n\n1 passed, 2 failed, 1 skipped\n');
});

test('tests that never ran, since a hook failed, are failures', (t) => {
  const lines = 'not ok 1 - before hook\n# 3 tests remaining in a.test.ts\n\n1..3\n# tests 3\n# pass 0\n# fail 3';
  t.deepEqual(counted(t, tap(lines, 'exit 1')), ['0 passed, 3 failed', 1]);
});

test('a run that broke off is a failure, whatever has passed', (t) => {
  t.deepEqual(counted(t, tap('ok 1 - a\nok 2 - b', 'kill -9 $$')), ['2 passed, 1 failed', 1]);
  t.deepEqual(counted(t, tap('ok 1 - a')), ['1 passed, 1 failed', 1]);
  t.deepEqual(counted(t, 'echo lint failed; exit 1'), ['0 passed, 1 failed', 1]);
  t.deepEqual(counted(t, tap('\n1..0\n# tests 0\n# pass 0\n# fail 0')), ['0 passed, 1 failed', 1]);
});

test('no tests without kernels, no kernels without modules, no modules without packages', (t) => {
  const passes = tap('ok 1 - a\n\n1..1\n# tests 1\n# pass 1\n# fail 0');
  t.deepEqual(run(t, passes, { npmCi: 'exit 3' }).last, '0 passed, 1 failed');

  const offline = run(t, passes, { state: 'absent', install: '[[ $1 == update ]]' });
  t.deepEqual([offline.last, offline.status], ['0 passed, 1 failed', 1]);
  t.regex(offline.stdout, /^apt-get install -q -y --no-install-recommends gcc libc6-dev /m);

  const bare = run(t, passes, { kernel: 'exit 1' });
  t.deepEqual([bare.last, bare.status], ['0 passed, 1 failed', 1]);
  t.regex(bare.stdout, /^npx .*kmem-run kernel add 5\.10$/m);

  const installed = run(t, passes, { state: 'absent' });
  t.deepEqual([installed.last, installed.status], ['1 passed, 0 failed', 0]);
});
