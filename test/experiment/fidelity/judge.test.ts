import { constants } from 'node:os';
import test from 'ava';
import {
  compareRow,
  countErrnos,
  type Granularity,
  listErrnos,
  type MeasuredMode,
  medianMade,
  type Reading,
  type Try,
} from '../../../src/experiment/fidelity/judge.ts';
import type { ObjectRow } from '../../../src/experiment/fidelity/rows.ts';

const { ENOMEM, ENFILE, ENOBUFS } = constants.errno;
const LIMITS = [1024, 2048];
const row: ObjectRow = { name: 'pipe', what: 'pipe', kind: 'charged', tries: { kernel: 4, gate: 1 }, why: '' };

function tries(made: number, errnos: readonly number[]): Try[] {
  return errnos.map((errno) => ({ made, errno, before: 0, after: made }));
}

function reading(mode: MeasuredMode, limit: number, made: number, errnos: readonly number[]): Reading {
  return { row: 'pipe', mode, granularity: null, limit, tries: tries(made, errnos), overshoot: 0, problem: null };
}

function compare(readings: readonly Reading[], of = row) {
  const side = { kernel: '5.10.262', readings };
  return compareRow(of, LIMITS, { mode: 'gate', compared: side, reference: side });
}

/** The same readings under both limits. */
function both(native: readonly [number, readonly number[]], gate: readonly [number, readonly number[]]): Reading[] {
  return LIMITS.flatMap((limit) => [reading('native', limit, ...native), reading('gate', limit, ...gate)]);
}

test('the same errno and counts within 5 % count as the same', (t) => {
  for (const made of [95, 100, 105]) {
    const { verdict, reasons, limits } = compare(both([100, [ENOMEM]], [made, [ENOMEM]]));
    t.is(verdict, 'same', reasons.join());
    t.deepEqual(
      limits.map(({ native, compared }) => [native, compared]),
      [
        [100, made],
        [100, made],
      ],
    );
  }
});

test('a larger deviation under a single limit makes the row differ', (t) => {
  for (const made of [94, 106]) {
    const readings = both([100, [ENOMEM]], [100, [ENOMEM]]).with(3, reading('gate', 2048, made, [ENOMEM]));
    const { verdict, reasons } = compare(readings);
    t.is(verdict, 'differs');
    t.deepEqual(reasons, [`2 KiB: ${made} objects instead of 100, ${made > 100 ? '+' : '-'}6.0 %`]);
  }
});

test('any errno that the kernel gives for the call counts as the same', (t) => {
  const verdict = (native: readonly number[], gate: number) => compare(both([100, native], [100, [gate]])).verdict;
  t.is(verdict([ENOMEM, ENOMEM, ENOMEM, ENFILE], ENOMEM), 'same');
  t.is(verdict([ENOMEM, ENOMEM, ENOMEM, ENFILE], ENFILE), 'same');
  t.is(verdict([ENOMEM, ENOMEM], ENFILE), 'differs');
  t.is(verdict([ENOMEM, ENFILE], ENOBUFS), 'differs');
});

test('an allocation is refused where the kernel refuses its charge: within 3 %', (t) => {
  const verdict = (granularity: Granularity, made: number) => {
    const kernel = LIMITS.map((limit) => ({ ...reading('kernel', limit, made, [ENOMEM]), granularity }));
    const compared = { kernel: '6.1.192-custom', readings: kernel };
    const reference = { kernel: '6.1.192', readings: LIMITS.map((limit) => reading('native', limit, 100, [ENOMEM])) };
    return compareRow(row, LIMITS, { mode: 'kernel', compared, reference });
  };
  t.is(verdict('allocation', 97).verdict, 'same');
  t.is(verdict('allocation', 96).verdict, 'differs');
  t.is(verdict('object', 96).verdict, 'same');
  t.like(verdict('object', 96), { kernel: '6.1.192-custom', reference: '6.1.192', granularity: 'object' });
});

test('a row that only a newer kernel charges is compared like others', (t) => {
  const uncharged: ObjectRow = { ...row, kind: 'uncharged' };
  const made = (gate: number) => compare(both([100, [ENOMEM]], [gate, [ENOMEM]]), uncharged).verdict;
  t.is(made(100), 'same');
  t.is(made(90), 'differs');
});

test('an errno that the kernel never gives differs, and both errnos are named', (t) => {
  const { verdict, reasons } = compare(both([100, [ENOMEM]], [100, [ENFILE]]));
  t.is(verdict, 'differs');
  t.deepEqual(reasons, ['ENFILE instead of ENOMEM']);
});

test('a trial that hits no limit or makes no object differs', (t) => {
  t.is(compare(both([100, [0]], [100, [0]])).verdict, 'differs');
  t.is(compare(both([0, [ENOMEM]], [0, [ENOMEM]])).verdict, 'differs');
});

test('a row that was not measured is skipped, never the same', (t) => {
  const whole = both([100, [ENOMEM]], [100, [ENOMEM]]);
  t.deepEqual(compare(whole.slice(1)).reasons, ['not measured']);
  t.is(compare([]).verdict, 'skipped');
  const failed = whole.with(1, { ...reading('gate', 1024, 100, [ENOMEM]), problem: 'exit 2' });
  const { verdict, reasons } = compare(failed);
  t.is(verdict, 'skipped');
  t.deepEqual(reasons, ['gate, 1 KiB: exit 2']);
});

test('a row that the kernel does not charge must not fail', (t) => {
  const uncharged: ObjectRow = { ...row, kind: 'uncharged' };
  const verdict = (native: number, gate: number) => compare(both([100, [native]], [100, [gate]]), uncharged).verdict;
  t.is(verdict(0, 0), 'same');
  t.is(verdict(ENOMEM, 0), 'differs');
  t.is(verdict(0, ENOMEM), 'differs');
});

test('a row that the gate does not see must fail only under the kernel', (t) => {
  const unseen: ObjectRow = { ...row, kind: 'unseen' };
  const verdict = (native: number, gate: number) => compare(both([100, [native]], [200, [gate]]), unseen).verdict;
  t.is(verdict(ENOMEM, 0), 'same');
  t.is(verdict(0, 0), 'differs');
  t.is(verdict(ENOMEM, ENOMEM), 'differs');
});

test('counts are medians, and errnos are listed by frequency', (t) => {
  const made = (...numbers: readonly number[]) => medianMade(numbers.flatMap((number) => tries(number, [ENOMEM])));
  t.is(made(7), 7);
  t.is(made(9, 1, 5), 5);
  t.is(made(9, 1, 4, 5), 4.5);
  const counted = countErrnos(tries(1, [ENFILE, ENOMEM, ENFILE]));
  t.is(listErrnos(counted), 'ENFILE 2, ENOMEM 1');
  t.is(listErrnos(countErrnos(tries(1, [0]))), 'no failure');
});
