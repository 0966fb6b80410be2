import { constants } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import { version } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { assertRefused, bin, type Harness, makeHarness, type Ran } from '../harness.ts';
import { where } from '../needs.ts';

/** Impossible on v2, with its one hierarchy. */
const v1Test = where(version === 1, 'cgroup v1', test.serial);

const MARK = ['--', 'touch', 'marker'];
const NOT_OURS =
  version === 1
    ? /cannot create a control group in .*kmem-test.* \(EACCES\)/
    : /cannot create a control group: kmem-run cannot move processes .*kmem-test.* \(EACCES\)/;
const NO_NATIVE =
  version === 1 ? /memory\.kmem\.limit_in_bytes.*: asked 1048576/ : /cgroup v2 has no limit on kernel memory/;
const REMEDY =
  version === 1
    ? /hint: create a directory that you own: sudo .*--parent .* --kernel NAME .* run as root/
    : /hint: delegate a cgroup to yourself .* --kernel NAME .* run as root/;
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];

/** Runs kmem-run in its own mount namespace, after these shell lines. */
function mounted(...lines: string[]) {
  return ['unshare', '-m', 'sh', '-ec', `${lines.join('\n')}\nexec "$@"`, 'sh'];
}

function readOnly(path: string) {
  return `mount -o remount,ro,bind ${path}`;
}

function assertNothingRan(t: ExecutionContext, harness: Harness, ran: Ran, code: string, reason: RegExp): void {
  t.is(ran.status, 125);
  assertRefused(t, ran, reason);
  t.is(ran.result?.outcome, 'setup-error');
  t.is(ran.result?.error?.code, code);
  t.deepEqual(ran.result?.steps, []);
  t.false(harness.has('marker'));
  harness.assertNothingLeft();
}

test.serial('not root, and no group of its own: no permission', async (t) => {
  const harness = makeHarness(t);
  for (const limit of [[], ['--kmem', '1M']]) {
    const ran = await harness.run([...limit, ...MARK], { under: AS_NOBODY });
    assertNothingRan(t, harness, ran, 'no-permission', NOT_OURS);
    t.regex(ran.stderr, REMEDY);
  }
});

test.serial('not root: nobody else can be', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--user', 'daemon', ...MARK], { under: AS_NOBODY });
  assertNothingRan(t, harness, ran, 'no-permission', /only root can run a command as daemon/);
});

test.serial('a read-only cgroup file system', async (t) => {
  const harness = makeHarness(t);
  const { memory } = harness.sandbox.hierarchies;
  const under = mounted(readOnly(memory?.mountPoint ?? ''));
  const ran = await harness.run(['--kmem', '1M', ...MARK], { under });
  assertNothingRan(t, harness, ran, 'read-only-cgroup', /control group.* \(EROFS\)/);
});

v1Test('a limit on processes where pids is read-only or absent: what was made before is undone', async (t) => {
  const harness = makeHarness(t);
  const pids = harness.sandbox.hierarchies.pids?.mountPoint ?? '';
  const args = ['--kmem', '1M', '--pids', '9', ...MARK];
  const closed = await harness.run(args, { under: mounted(readOnly(pids)) });
  assertNothingRan(t, harness, closed, 'read-only-cgroup', /cannot create a control group in .* \(EROFS\)/);
  const absent = await harness.run(args, { under: mounted(`umount -l ${pids}`) });
  assertNothingRan(t, harness, absent, 'no-pids-controller', /no pids hierarchy/);
});

test.serial('no memory controller', async (t) => {
  const harness = makeHarness(t);
  const under = mounted(`umount -l ${harness.sandbox.hierarchies.memory?.mountPoint}`);
  const ran = await harness.run(['--kmem', '1M', ...MARK], { under });
  assertNothingRan(t, harness, ran, 'no-memory-controller', /no memory controller is mounted/);
});

test.serial('the kernel has no limit of its own that holds', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--enforce', 'native', '--kmem', '1M', ...MARK]);
  assertNothingRan(t, harness, ran, 'native-not-enforced', NO_NATIVE);
  t.regex(ran.stderr, /hint: use --enforce gate/);
  const asked = await harness.run(['--enforce', 'native', ...MARK]);
  assertNothingRan(t, harness, asked, 'no-limit', /--enforce native requires a kmem limit/);
});

test.serial('seccomp(2) refused: no listener', async (t) => {
  const harness = makeHarness(t);
  const refuse = compileFixture('refuse-seccomp');
  for (const errno of ['EPERM', 'ENOSYS', 'EINVAL'] as const) {
    const ran = await harness.run(['--kmem', '1M', ...MARK], { under: [refuse, String(constants.errno[errno])] });
    assertNothingRan(t, harness, ran, 'no-listener', new RegExp(`refuses a seccomp listener \\(${errno}\\)`));
  }
});

test.serial(
  'seccomp(2) answered by a filter around kmem-run as if it had worked: nothing would be gated',
  async (t) => {
    const harness = makeHarness(t);
    const ran = await harness.run(['--kmem', '1M', ...MARK], { under: [compileFixture('refuse-seccomp'), '0'] });
    assertNothingRan(t, harness, ran, 'no-gate', /the gate detects no system calls of the command/);
  },
);

test.serial('what needs no gate runs all the same where seccomp(2) is refused', async (t) => {
  const harness = makeHarness(t);
  const under = [compileFixture('refuse-seccomp'), String(constants.errno.EPERM)];
  for (const options of [[], ['--kmem', '1M', '--enforce', 'none']]) {
    const ran = await harness.run([...options, ...MARK], { under });
    t.is(ran.status, 0);
    t.is(ran.result?.enforcement.mode, 'none');
  }
  t.true(harness.has('marker'));
  harness.assertNothingLeft();
});

test.serial('under an ancestor that has a listener already', async (t) => {
  const harness = makeHarness(t);
  const under = [process.execPath, bin, '--quiet', '--enforce', 'gate', '--kmem', '256M', '--'];
  const ran = await harness.run(['--kmem', '1M', ...MARK], { under });
  assertNothingRan(t, harness, ran, 'no-listener', /an ancestor of this process already has a seccomp listener/);
});
