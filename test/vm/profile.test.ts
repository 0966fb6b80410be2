/** `--profile` in microVMs: rows are exact there too, and a kernel that is too old is rejected. */

import anyTest from 'ava';
import { SetupError } from '../../src/errors.ts';
import { run } from '../../src/run/index.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { lenient } from '../needs.ts';
import { made } from '../run/made.ts';
import { assertExplained, objectsAtPeak, profileIn, rowsOf } from '../run/profile-runs.ts';
import { needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;
const kinds = compileFixture('kinds');
const MADE = 300;
/** Of a microVM. */
const PROCESSORS = 1;
/** For each row of that use, how many objects belong to one of those made. */
const EXPECTED = { socket: [1], 'socket inode': [1], pipe: [1, 1], 'epoll entry': [1, 1] };

for (const kernel of ['6.1', '6.12']) {
  test(`on ${kernel} sockets and pipes are counted exactly, and explain the counter`, async (t) => {
    t.timeout(20 * 60_000);
    if (!(await needsKernel(t, kernel))) return;
    const { result, output } = await made(t, [{ run: [kinds, 'epoll-entry,socket,pipe', `${MADE}`] }], {
      ...{ kernel, profile: true, timeout: '15m' },
    });
    t.is(result.outcome, 'passed', `${output}${JSON.stringify(result.error)}`);
    const profile = profileIn(result);
    for (const [what, rows] of Object.entries(EXPECTED)) {
      const expected = rows.map((multiple) => multiple * MADE);
      t.deepEqual(objectsAtPeak(profile, what).slice(0, rows.length), expected, what);
    }
    t.log(`${profile.peak.explained} of ${profile.peak.usage} explained`);
    assertExplained(t, profile, PROCESSORS);
    // From 6.11 on the release of some is not seen, and may happen seconds later.
    for (const row of rowsOf(profile, 'epoll entry').filter(({ isCounted }) => isCounted)) t.is(row.atEnd.objects, 0);
  });
}

test('a profile on 5.10 is rejected', async (t) => {
  t.timeout(20 * 60_000);
  if (!(await needsKernel(t, '5.10'))) return;
  const plan = [{ run: ['true'] }];
  const error = await t.throwsAsync(run({ plan, kernel: '5.10', profile: true, timeout: lenient(600) }), {
    instanceOf: SetupError,
  });
  t.is(error?.code, 'no-profile');
  t.regex(error?.message ?? '', /^--profile requires BPF programs/);
});
