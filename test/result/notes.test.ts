import test from 'ava';
import { causeOf } from '../../src/result/notes.ts';
import type { Result } from '../../src/result/schema.ts';

const KiB = 1024;
type Programs = NonNullable<Result['enforcement']['programs']>;

function watched(faultBytes: number | null): Programs {
  const faults = faultBytes === null ? null : 'note';
  return {
    faults,
    faultPages: faultBytes === null ? null : faultBytes / 4096,
    faultBytes,
    moves: true,
    lost: 0,
    missed: 0,
  };
}

test('only counted charges are named as the cause of an overrun', (t) => {
  const usage = { overshoot: 100 * KiB, parts: null };
  t.is(causeOf(usage, watched(100 * KiB)), 'page faults took 100 KiB above the limit');
  t.regex(
    causeOf(usage, watched(40 * KiB)),
    /^page faults took 40 KiB above the limit, the other 60 KiB by calls that/,
  );
  t.regex(
    causeOf(usage, watched(0)),
    /^not by page faults, but by calls that are not gated, or what calls took beyond/,
  );
});

test('unwatched page faults are not blamed', (t) => {
  for (const programs of [null, watched(null)]) {
    const usage = { overshoot: 100 * KiB, parts: null };
    t.is(causeOf(usage, programs), 'the cause is unknown because page faults were not watched');
    t.regex(causeOf({ ...usage, parts: { pagetables: 64 * KiB } }, programs), /; page tables were 64 KiB at the peak$/);
  }
});
