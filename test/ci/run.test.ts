import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { canActAsOthers, where } from '../needs.ts';

const script = join(import.meta.dirname, '..', '..', '.ci', 'run');

/** Runs .ci/run with stand-ins for `npm` and Debian's tools; `npmTest` is shell code for what `npm test` does. */
function run(
  t: ExecutionContext,
  npmTest: string,
  {
    npmCi = 'true',
    install = 'true',
    state = 'installed',
    kernel = 'true',
    parentMode = 0o755,
    scriptMode = 0o755,
  } = {},
) {
  const parent = mkdtempSync(join(tmpdir(), 'kmem-run-ci-'));
  t.teardown(() => rmSync(parent, { recursive: true, force: true }));
  chmodSync(parent, parentMode);
  const folder = join(parent, 'checkout');
  mkdirSync(folder);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  cpSync(script, join(folder, '.ci', 'run'));
  chmodSync(join(folder, '.ci', 'run'), scriptMode);
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
  const left = readdirSync(parent, { recursive: true }).sort();
  t.deepEqual(
    left.filter((path) => !path.includes('/bin/')),
    ['checkout', 'checkout/.ci', 'checkout/.ci/run', 'checkout/bin'],
    'nothing is left behind',
  );
  return { folder, stdout, last: stdout.trimEnd().split('\n').at(-1), status };
}

test('the last line and status come from the tiers, which treat anything missing as a failure', (t) => {
  const passed = run(t, 'echo "CI is $CI"; echo "3 passed, 0 failed"');
  t.deepEqual([passed.last, passed.status], ['3 passed, 0 failed', 0]);
  t.regex(passed.stdout, /^CI is true$/m);
  const failed = run(t, 'echo "3 passed, 1 failed"; exit 1');
  t.deepEqual([failed.last, failed.status], ['3 passed, 1 failed', 1]);
});

test('tests require kernels, kernels require npm modules, and those require packages', (t) => {
  const passes = 'echo "1 passed, 0 failed"';
  t.deepEqual(run(t, passes, { npmCi: 'exit 3' }).last, '0 passed, 1 failed');

  const offline = run(t, passes, { state: 'absent', install: '[[ $1 == update ]]' });
  t.deepEqual([offline.last, offline.status], ['0 passed, 1 failed', 1]);
  t.regex(offline.stdout, /^apt-get install -q -y --no-install-recommends gcc make libc6-dev /m);

  const bare = run(t, passes, { kernel: 'exit 1' });
  t.deepEqual([bare.last, bare.status], ['0 passed, 1 failed', 1]);
  t.regex(bare.stdout, /^npx .*kmem-run kernel add 5\.10$/m);

  const installed = run(t, passes, { state: 'absent' });
  t.deepEqual([installed.last, installed.status], ['1 passed, 0 failed', 0]);
});

where(
  canActAsOthers,
  'root',
  test,
)('a checkout that other users cannot reach is tested at a path where they can', (t) => {
  const asOther = 'setpriv --reuid 65534 --regid 65534 --clear-groups';
  const looks = `echo "at $PWD"; ${asOther} test -r "$PWD/.ci/run" && echo "1 passed, 0 failed"; exit 3`;
  const closed = run(t, looks, { parentMode: 0o700 });
  t.deepEqual([closed.last, closed.status], ['1 passed, 0 failed', 3]);
  const at = /^at (.*)$/m.exec(closed.stdout)?.[1] ?? '';
  t.true(
    closed.stdout.includes(`\n=== other users cannot reach ${closed.folder}: running at ${at}, the same folder\n`),
  );
  t.not(at, closed.folder);
  t.false(existsSync(at));

  const hidden = run(t, looks, { scriptMode: 0o700 });
  t.deepEqual([hidden.last, hidden.status], ['0 passed, 1 failed', 1]);
  t.regex(
    hidden.stdout,
    /^=== other users cannot read the checkout itself \(chmod -R go\+rX \.\): ended before a test ran/m,
  );
});
