/** Which calls are made to fail. */

import test from 'ava';
import fc from 'fast-check';
import { type Call, kindOf, SAMPLE, select, stableCalls, type Wish } from '../../../src/experiment/explore/calls.ts';
import type { OwnNames } from '../../../src/experiment/explore/scrub.ts';
import type { RecordedCall } from '../../../src/gate/recording.ts';

function names(folder: string): OwnNames {
  return { folder, ports: [20_001], startedAtMs: 0 };
}

function recorded(address: string | null, changes: Partial<RecordedCall> = {}): RecordedCall {
  return {
    address,
    process: '0',
    index: 1,
    syscall: 'openat',
    pid: 1,
    tid: 1,
    comm: 'httpd',
    exe: '/usr/sbin/httpd',
    detail: '/etc/passwd',
    answer: 'continue',
    atMs: 1,
    ...changes,
  };
}

test('calls in both recordings are listed in order; the others are only counted', (t) => {
  const first = [
    recorded('0/0:clone3', { comm: 'kmem-helper' }),
    recorded('0/3:openat', { atMs: 3, detail: '/run/a/log' }),
    recorded('0/2:openat', { atMs: 2 }),
    recorded('0.1/9:mmap', { atMs: 4 }),
    recorded(null, { atMs: 5 }),
    recorded('0/5:io_uring_setup', { answer: 'deny' }),
  ];
  const second = [
    recorded('0/0:clone3', { comm: 'kmem-helper' }),
    recorded('0/2:openat', { comm: 'httpd/worker' }),
    recorded('0/3:openat', { detail: '/run/b/log' }),
    recorded('0.1/9:brk'),
    recorded(null),
  ];
  const { calls, unstable } = stableCalls(
    { calls: first, names: names('/run/a') },
    { calls: second, names: names('/run/b') },
  );
  t.deepEqual(
    calls.map(({ address, detail }) => [address, detail]),
    [
      ['0/2:openat', '/etc/passwd'],
      ['0/3:openat', '<dir>/log'],
    ],
  );
  t.is(unstable, 2);
});

test('an address with another program in the second recording is unstable', (t) => {
  const [one, other] = [[recorded('0/2:openat')], [recorded('0/2:openat', { exe: '/bin/ls' })]];
  const { calls, unstable } = stableCalls({ calls: one, names: names('/a') }, { calls: other, names: names('/b') });
  t.deepEqual([calls, unstable], [[], 1]);
});

const call = fc.record({
  syscall: fc.constantFrom('openat', 'mmap', 'brk'),
  program: fc.constantFrom('sh', 'httpd', null),
  comm: fc.constantFrom('sh', 'worker', null),
  detail: fc.constantFrom('/proc/12/stat', '/proc/34/stat', '4096 bytes', '8192 bytes', null),
});
const listed = fc
  .array(call, { maxLength: 60 })
  .map((calls): Call[] => calls.map((one, index) => ({ ...one, address: `0/${index}:${one.syscall}` })));
const everything: Wish = { only: null, within: null, all: false, limit: null };

test('one to three calls of each kind are chosen; with --all, all of them', (t) => {
  const property = fc.property(listed, (calls) => {
    const { chosen, wanted, duplicates } = select(calls, everything);
    t.is(wanted, calls.length);
    t.is(chosen.length + duplicates, calls.length);
    t.is(new Set(chosen).size, chosen.length);
    const tried = Map.groupBy(chosen, kindOf);
    for (const [kind, same] of Map.groupBy(calls, kindOf)) {
      t.is(tried.get(kind)?.length, Math.min(SAMPLE, same.length));
      // The first and the last are among them.
      t.true(tried.get(kind)?.includes(same[0] as Call) && tried.get(kind)?.includes(same.at(-1) as Call));
    }
    t.is(select(calls, { ...everything, all: true }).chosen.length, calls.length);
  });
  fc.assert(property);
});

test('a limit drops duplicates before it drops a kind', (t) => {
  const property = fc.property(listed, fc.integer({ min: 1, max: 20 }), (calls, limit) => {
    const { chosen, beyondLimit } = select(calls, { ...everything, limit });
    const all = select(calls, everything).chosen;
    t.is(chosen.length, Math.min(limit, all.length));
    t.is(beyondLimit, all.length - chosen.length);
    t.is(new Set(chosen.map(kindOf)).size, Math.min(limit, new Set(calls.map(kindOf)).size));
  });
  fc.assert(property);
});

test('--only and --in exclude all other calls; a program matches by either name', (t) => {
  const property = fc.property(listed, (calls) => {
    const { chosen, wanted } = select(calls, { ...everything, all: true, only: ['openat'], within: ['sh'] });
    const meant = calls.filter((one) => one.syscall === 'openat' && (one.program === 'sh' || one.comm === 'sh'));
    t.is(wanted, meant.length);
    t.deepEqual(
      chosen.toSorted((a, b) => a.address.localeCompare(b.address)),
      meant.toSorted((a, b) => a.address.localeCompare(b.address)),
    );
  });
  fc.assert(property);
});
