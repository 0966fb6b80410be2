/** --fail on another kernel: by the gate, even if the kernel could enforce a limit itself. */
import { mkdirSync } from 'node:fs';
import anyTest from 'ava';
import { readRecording } from '../../src/gate/recording.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;

// 5.10 has v1 and cannot hold back signals while the gate decides; 6.12 has only v2.
for (const [kernel, calls] of [
  ['5.10', 4000],
  ['6.12', 400],
] as const) {
  test(`${kernel}: calls fail by their address, which signals do not shift`, async (t) => {
    t.timeout(5 * 60_000);
    if (!(await needsKernel(t, kernel))) return;
    const harness = makeHarness(t);
    mkdirSync(harness.path('kept'));
    const trace = harness.path('kept/trace');
    const asked = ['0.1/2:eventfd2', '0/1:mmap', '2/1:execve'];
    const { status, stdout, result } = await harness.run(
      [
        ...['--kernel', kernel, '--rw', harness.path('kept'), '--trace-gate', trace, '--kmem', '64M'],
        ...asked.flatMap((address) => ['--fail', address]),
        ...['--then', `exec ${compileFixture('interrupted')} ${calls}`, '--then', 'true'],
        ...['--', compileFixture('three-tasks')],
      ],
      { timeout: 240_000 },
    );
    t.is(status, 126);
    t.is(stdout, 'process . . . thread . . . child . ENOMEM . break grew\n');
    t.is(result?.enforcement.mode, 'gate');
    t.true(result?.environment.kernel.startsWith(`${kernel}.`));
    t.deepEqual(
      result?.steps.map(({ exit }) => exit.code),
      [0, 0, 126],
    );
    t.deepEqual(
      result?.injections?.map(({ outcome, seen, denials }) => [outcome, seen, denials]),
      [
        ['injected', null, 1],
        ['diverged', 'execve', 0],
        ['injected', null, 1],
      ],
    );
    t.deepEqual(
      result?.failures.map(({ address }) => address),
      ['0.1/2:eventfd2', '2/1:execve'],
    );
    const made = (await readRecording(trace)).filter(
      ({ process, syscall }) => process === '1' && syscall === 'eventfd2',
    );
    const indices = [...new Set(made.map(({ index }) => index))];
    const [first = 0] = indices;
    t.deepEqual(
      indices,
      indices.map((_, place) => first + place),
    );
    if (kernel === '6.12') {
      t.deepEqual([made.length, indices.length], [calls, calls]);
    } else {
      // An answer that arrives at the moment of the signal is lost there, which cannot be detected.
      const [interrupted, lost] = [made.length - calls, indices.length - calls];
      t.log(`${interrupted} interrupted, ${lost} of them counted anew`);
      t.true(interrupted > 0 && lost >= 0 && lost < interrupted / 2);
    }
    harness.assertNothingLeft();
  });
}
