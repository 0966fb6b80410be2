import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';

const script = join(import.meta.dirname, '..', '..', '.ci', 'run');

/** Runs .ci/run where `npm` and Debian's tools are stand-ins; `npmTest` is shell for what `npm test` does. */
function run(
  t: ExecutionContext,
  npmTest: string,
  { npmCi = 'true', install = 'true', state = 'installed', kernel = 'true' } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-ci-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  cpSync(script, join(folder, '.ci', 'run'));
  const tools = {
    npm: `case "$*" in ci) ${npmCi} ;; 'run --silent test:ci') ${npmTest} ;; *) echo "npm $*"; exit 9 ;; esac`,
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
}

test('the last line and the status are those of the tiers, and what is missing is a failure there', (t) => {
  const passed = run(t, 'echo "CI is $CI"; echo "3 passed, 0 failed"');
  t.deepEqual([passed.last, passed.status], ['3 passed, 0 failed', 0]);
  t.regex(passed.stdout, /^CI is true$/m);
  const failed = run(t, 'echo "3 passed, 1 failed"; exit 1');
  t.deepEqual([failed.last, failed.status], ['3 passed, 1 failed', 1]);
});

test('no tests without kernels, no kernels without modules, no modules without packages', (t) => {
  const passes = 'echo "1 passed, 0 failed"';
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
