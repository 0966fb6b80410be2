import test from 'ava';
import { countCall, type FirstCall, figuresOf, firstCallOf } from '../../src/experiment/figures.ts';
import { apacheStopFails, expectation, failure, result, setupError, unread } from '../fixtures/results.ts';

test('a result is reduced to figures', (t) => {
  t.deepEqual(figuresOf(result()), {
    id: '20250102-030405-abcdef',
    passed: true,
    outcome: 'passed',
    peak: 2_637_824,
    failcnt: 0,
    wallMs: 412.1,
    hits: { oomKills: 0, pids: 0, kmemTcp: 0 },
  });
  t.like(figuresOf(unread()), { passed: false, peak: null, failcnt: null, wallMs: null });
  t.false(figuresOf(result({ outcome: 'oom' })).passed);
  t.false(figuresOf(setupError()).passed);
});

test('a run passes if its exit status is 0 or it was expected to end at a limit', (t) => {
  const passed = (outcome: 'oom' | 'timeout', expr: string, holds = true) =>
    figuresOf(result({ outcome, spec: { expect: [expr] }, expectations: [{ ...expectation(expr), passed: holds }] }))
      .passed;
  t.true(passed('oom', 'mem.oomKills>0'));
  t.false(passed('oom', 'mem.oomKills>0', false));
  t.true(passed('timeout', 'outcome==timeout'));
  t.false(passed('timeout', 'failcnt==0'));
});

test('finds the first failed call', (t) => {
  const detail = '/usr/lib/apache2/modules/mod_negotiation.so';
  t.deepEqual(firstCallOf(apacheStopFails()), { comm: 'apache2', syscall: 'mmap', errno: 'ENOMEM', detail });
  t.is(firstCallOf(result()), null);
});

test('calls are counted by program, call and error, with the detail of the first', (t) => {
  const call = (changes: Parameters<typeof failure>[0]) => firstCallOf(result({ failures: [failure(changes)] }));
  let calls: readonly FirstCall[] = [];
  for (const [comm, detail] of [
    ['sh', '/proc/1'],
    ['sh', '/proc/2'],
    ['cat', '/proc/3'],
  ] as const)
    calls = countCall(calls, call({ comm, detail }));
  t.is(countCall(calls, null), calls);
  t.deepEqual(
    calls.map(({ comm, detail, runs }) => [comm, detail, runs]),
    [
      ['sh', '/proc/1', 2],
      ['cat', '/proc/3', 1],
    ],
  );
});

test('at most 100 different first calls are kept', (t) => {
  let calls: readonly FirstCall[] = [];
  for (let run = 0; run < 1000; run++)
    calls = countCall(calls, { comm: `sh${run}`, syscall: 'mmap', errno: null, detail: null });
  t.is(calls.length, 100);
});
