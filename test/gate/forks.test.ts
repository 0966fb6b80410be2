/**
 * A fork needs room for what its parent has: page tables, mappings and a descriptor table, which are copied for the
 * child.
 */

import anyTest from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';

const test = anyTest.serial;

/** Page tables, mappings, a descriptor, a limit with room for only one set of them, and one with room for a second. */
const parents = [
  { what: 'page tables', args: ['900', '0', '2'], narrow: '6M', wide: '16M' },
  { what: 'mappings', args: ['0', '8000', '2'], narrow: '3M', wide: '8M' },
  { what: 'descriptors', args: ['0', '0', '4000'], narrow: '200K', wide: '400K' },
] as const;

for (const { what, args, narrow, wide } of parents) {
  test(`a fork with many ${what} is denied if the limit has no room for a second set`, async (t) => {
    const harness = makeHarness(t);
    const fork = (limit: string) => harness.run(['--kmem', limit, '--', compileFixture('large-parent'), ...args]);
    const denied = await fork(narrow);
    t.is(denied.stdout, 'Cannot allocate memory\n', denied.stderr);
    t.is(denied.result?.kmem.overshoot, 0);
    t.deepEqual(
      denied.result?.failureCounts.map(({ syscall, count }) => ({ syscall, count })),
      [{ syscall: 'clone', count: 1 }],
    );
    t.is((await fork(wide)).stdout, 'forked\n');
    harness.assertNothingLeft();
  });
}

test('children that have had CPU time count as started, whatever page faults they had', async (t) => {
  const harness = makeHarness(t);
  const count = async (idle: number) => {
    const { stdout } = await harness.run(['--kmem', '4M', '--', compileFixture('busy-children'), String(idle)]);
    return Number(stdout);
  };
  const [idle, busy] = [await count(1000), await count(30)];
  t.log(`${busy} forks with busy children, ${idle} without`);
  t.true(busy >= idle - 1 && idle > 40);
  harness.assertNothingLeft();
});

const MIB = 1 << 20;

for (const kind of ['at-once', 'recursive']) {
  for (const mib of [2, 6, 16]) {
    test(`processes that fork at once (${kind}) together stay within ${mib}M`, async (t) => {
      const harness = makeHarness(t);
      const { result } = await harness.run(['--kmem', `${mib}M`, '--', compileFixture('fork-storm'), kind]);
      t.true((result?.kmem.failcnt ?? 0) > 0);
      // None in 244 runs (docs/internals/gate.md), but 20 to 110 % if the room of allowed calls is not held.
      t.true((result?.kmem.overshoot ?? Infinity) <= 0.05 * mib * MIB, String(result?.kmem.overshoot));
      harness.assertNothingLeft();
    });
  }
}
