/** How far the peak exceeds the limit for the most demanding program: a shell that forks until it fails. */

import test from 'ava';
import { makeHarness } from '../harness.ts';
import { lenient } from '../needs.ts';

const LIMITS = Array.from({ length: 10 }, (_, index) => 900 + 4 * Math.round((index * 50) / 9));
const MOST = 64 * 1024;

test.serial(
  'over 10 limits from 900K to 1100K the overshoot stays within 64 KiB, and every run hits the limit',
  async (t) => {
    const harness = makeHarness(t);
    const overshoots: number[] = [];
    for (const limit of LIMITS) {
      const { result, stderr } = await harness.run([
        '--kmem',
        `${limit}K`,
        '--timeout',
        lenient(20),
        '--',
        'sh',
        '-c',
        'while sleep 20 & do :; done',
      ]);
      t.true((result?.kmem.failcnt ?? 0) > 0, `${limit}K: ${stderr}`);
      t.regex(stderr, /Cannot fork|Cannot allocate memory|failed to map segment/);
      t.is(result?.limits.kmem, limit * 1024);
      overshoots.push(result?.kmem.overshoot ?? Number.POSITIVE_INFINITY);
    }
    t.log(`overshoot in KiB: ${overshoots.map((bytes) => bytes / 1024).join(' ')}`);
    t.true(Math.max(...overshoots) <= MOST);
    harness.assertNothingLeft();
  },
);
