/** --fail: a call fails by its address, alone or with all later calls of its process; the outcome is reported. */
import anyTest from 'ava';
import { type RecordedCall, readRecording } from '../../src/gate/recording.ts';
import { run } from '../../src/run/index.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { assertRefused, type Harness, makeHarness } from '../harness.ts';

const test = anyTest.serial;
const TIMES = 20;
const AT_ONCE = 4;

async function record(harness: Harness, command: readonly string[]): Promise<readonly RecordedCall[]> {
  await harness.run(['--trace-gate', harness.path('trace'), '--', ...command]);
  return readRecording(harness.path('trace'));
}

/** The address of the `which`-th matching call; throws if there is none. */
function addressOf(calls: readonly RecordedCall[], matches: (call: RecordedCall) => boolean, which = 0): string {
  const address = calls.filter(matches)[which]?.address;
  if (address == null) throw new Error(`no such call among ${calls.length}`);
  return address;
}

function fails(address: string, command: readonly string[]) {
  return ['--fail', address, '--', ...command];
}

test('sleep’s loader crashes if its first mmap fails, 20 times out of 20', async (t) => {
  const harness = makeHarness(t);
  const command = ['sleep', '0.1'];
  const address = addressOf(await record(harness, command), ({ syscall }) => syscall === 'mmap');
  const input = { command, inject: [address], parent: harness.sandbox.memory, output: 'null' } as const;
  for (let done = 0; done < TIMES; done += AT_ONCE) {
    const results = await Promise.all(Array.from({ length: AT_ONCE }, () => run(input)));
    for (const result of results) {
      t.is(result.outcome, 'signaled');
      t.deepEqual(result.exit, { code: null, signal: 'SIGSEGV' });
      t.deepEqual(result.injections, [{ address, mode: 'once', outcome: 'injected', denials: 1, seen: null }]);
      t.like(result.failures, [{ address, syscall: 'mmap', errno: 'ENOMEM', comm: 'sleep', injected: true, step: 0 }]);
      t.is(result.failures.length, 1);
      t.is(result.kmem.failcnt, 1);
      t.is(result.enforcement.mode, 'gate');
      t.is(result.limits.kmem, null);
      t.true((result.failures[0]?.usage ?? 0) > 0);
    }
  }
  t.is((await harness.run(fails(address, command))).status, 139);
  harness.assertNothingLeft();
});

test('the loader names the library that cannot be mapped', async (t) => {
  const harness = makeHarness(t);
  const isLibc = ({ syscall, detail }: RecordedCall) => syscall === 'mmap' && /\/libc\.so/.test(detail ?? '');
  const address = addressOf(await record(harness, ['sleep', '0']), isLibc);
  const { status, stderr } = await harness.run(fails(address, ['sleep', '0']));
  t.is(status, 127);
  t.regex(stderr, /error while loading shared libraries: libc\.so\.6/);
  t.regex(stderr, new RegExp(`^ +injected +${address}: failed$`, 'm'));
  harness.assertNothingLeft();
});

test('a shell that cannot fork says so, also under a distant limit with a chosen errno', async (t) => {
  const harness = makeHarness(t);
  const command = ['sh', '-c', 'ls /; echo on'];
  const address = addressOf(
    await record(harness, command),
    ({ process, detail }) => {
      return process === '0' && detail?.startsWith('process') === true;
    },
    1,
  );
  t.regex(address, /^0\/[1-9]/);
  for (const limit of [[], ['--kmem', '64M', '--errno', 'enomem', '--reclaim', 'on']]) {
    const { status, stdout, stderr, result } = await harness.run([...limit, ...fails(address, command)]);
    t.is(status, 2);
    t.is(stdout, '');
    t.regex(stderr, /^sh: \d+: Cannot fork$/m);
    t.like(result?.failures, [{ address, comm: 'sh', errno: 'ENOMEM' }]);
    t.is(result?.failures.length, 1);
  }
  harness.assertNothingLeft();
});

function outcomes(process: string, thread: string, child: string, grew: string) {
  return `process ${process} thread ${thread} child ${child} break ${grew}\n`;
}

test('one call fails; with + so do later calls of its process and threads, but not its children', async (t) => {
  const harness = makeHarness(t);
  const command = [compileFixture('three-tasks')];
  const calls = await record(harness, command);
  const isEventfd = (of: string) => (call: RecordedCall) => call.process === of && call.syscall === 'eventfd2';
  const second = addressOf(calls, isEventfd('0'), 1);
  const once = await harness.run(fails(second, command));
  t.is(once.stdout, outcomes('. ENOMEM .', '. . .', '. . .', 'grew'));
  t.like(once.result?.injections?.[0], { denials: 1 });

  const persistent = await harness.run(fails(`${second}+`, command));
  t.is(persistent.stdout, outcomes('. ENOMEM ENOMEM', 'ENOMEM ENOMEM ENOMEM', '. . .', 'failed'));
  const [injection] = persistent.result?.injections ?? [];
  t.like(injection, { address: `${second}+`, mode: 'persistent', outcome: 'injected' });
  t.is(injection?.denials, persistent.result?.failures.length);
  t.true(persistent.result?.failures.every(({ injected }) => injected));
  t.deepEqual(
    new Set(persistent.result?.failures.map(({ address }) => address?.split('/')[0])),
    new Set(['0', '0.t1']),
  );

  // In the thread: from then on in its process too.
  const inThread = addressOf(calls, isEventfd('0.t1'));
  const thread = await harness.run(fails(`${inThread}+`, command));
  t.regex(
    thread.stdout,
    /^process \. \. (\.|ENOMEM) thread ENOMEM ENOMEM ENOMEM child \. \. \. break (grew|failed)\n$/,
  );
  // In the child: in no other task.
  const child = await harness.run(fails(`${addressOf(calls, isEventfd('0.1'), 1)}+`, command));
  t.is(child.stdout, outcomes('. . .', '. . .', '. ENOMEM ENOMEM', 'grew'));
  harness.assertNothingLeft();
});

test('a failed brk keeps the old break, and a call that cannot fail is reported as reached', async (t) => {
  const harness = makeHarness(t);
  const command = [compileFixture('three-tasks')];
  const calls = await record(harness, command);
  const breaks = calls.filter(({ process, syscall }) => process === '0' && syscall === 'brk');
  const [asks, grows] = [breaks[0]?.address ?? '', breaks.at(-1)?.address ?? ''];
  const { status, stdout, stderr, result } = await harness.run(['--fail', asks, ...fails(grows, command)]);
  t.is(status, 0);
  t.is(stdout, outcomes('. . .', '. . .', '. . .', 'failed'));
  t.like(result?.injections, [
    { address: asks, outcome: 'injected', denials: 0 },
    { address: grows, outcome: 'injected', denials: 1 },
  ]);
  t.like(result?.failures, [{ address: grows, errno: null }]);
  t.regex(stderr, new RegExp(`${asks}: the call was made, but it cannot fail`));
  harness.assertNothingLeft();
});

test('a call that is not reached and one that diverged are distinguished, and neither causes a failure', async (t) => {
  const harness = makeHarness(t);
  const asked = ['0/9999:mmap', '0.7/1', '0/1:openat', '0/1:openat+'];
  const { status, stderr, result } = await harness.run([...asked.flatMap((each) => ['--fail', each]), '--', 'true']);
  t.is(status, 0);
  t.deepEqual(
    result?.injections?.map(({ outcome, seen, denials }) => [outcome, seen, denials]),
    [
      ['not-reached', null, 0],
      ['not-reached', null, 0],
      ['diverged', 'execve', 0],
      ['diverged', 'execve', 0],
    ],
  );
  t.deepEqual(result?.failures, []);
  t.is(result?.kmem.failcnt, 0);
  t.regex(stderr, /^ +injected +0\/9999:mmap: not reached/m);
  t.regex(stderr, /^ +0\/1:openat: not injected: the call made there was execve$/m);
  harness.assertNothingLeft();
});

test('a command whose start fails still yields a result, with status 126', async (t) => {
  const harness = makeHarness(t);
  for (const [address, syscall] of [
    ['0/1:execve', 'execve'],
    ['0/1+', 'execve'],
    ['0/0', 'clone3'],
  ] as const) {
    const { status, stdout, result } = await harness.run(fails(address, ['echo', 'here']));
    t.is(status, 126);
    t.is(stdout, '');
    t.is(result?.outcome, 'failed');
    t.is(result?.error, null);
    t.like(result?.failures, [{ syscall, injected: true }]);
    t.like(result?.injections, [{ address, outcome: 'injected', denials: 1 }]);
  }
  harness.assertNothingLeft();
});

test('a later step has its own addresses', async (t) => {
  const harness = makeHarness(t);
  const steps = ['--then', 'echo two', '--then', 'echo three'];
  const { status, stdout, result } = await harness.run([...steps, ...fails('1/1:execve', ['echo', 'one'])]);
  t.is(status, 126);
  t.is(stdout, 'one\nthree\n');
  t.deepEqual(
    result?.steps.map(({ exit }) => exit.code),
    [0, 126, 0],
  );
  t.deepEqual(
    result?.steps.map(({ failcnt }) => failcnt),
    [0, 1, 0],
  );
  t.like(result?.failures, [{ address: '1/1:execve', step: 1 }]);
  harness.assertNothingLeft();
});

test('addresses are known without a trace, also for calls denied at the limit', async (t) => {
  const harness = makeHarness(t);
  const exhaust = [compileFixture('exhaust'), 'pipe'];
  const { result } = await harness.run(['--kmem', '1M', ...fails('0/1:clone', exhaust)]);
  t.like(result?.injections, [{ outcome: 'diverged', seen: 'execve' }]);
  t.regex(result?.failures[0]?.address ?? '', /^0\/\d+:pipe2$/);
  t.false(result?.failures[0]?.injected);
  harness.assertNothingLeft();
});

test('an impossible --fail is rejected before any run', async (t) => {
  const harness = makeHarness(t);
  const refusal = async (words: readonly string[], reason: RegExp) => {
    const ran = await harness.run([...words, '--', 'touch', 'made']);
    t.is(ran.status, 125);
    assertRefused(t, ran, reason);
    t.false(harness.has('made'));
  };
  await refusal(
    ['--fail', '0.1/17-mmap'],
    /^kmem-run: --fail: "0\.1\/17-mmap" is not the address of a call: "-mmap" \(character 7\)/,
  );
  await refusal(['--fail', '0/17:mnap'], /"mnap" is not a gated call$/);
  await refusal(['--fail', '1/17'], /there is no step 1$/);
  await refusal(['--enforce', 'none', '--fail', '0/1'], /--fail requires the gate, which --enforce none/);
  await refusal(['--kernel', '5.10', '--enforce', 'native', '--fail', '0/1'], /which --enforce native does not use/);
  harness.assertNothingLeft();
});
