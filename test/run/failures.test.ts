import test from 'ava';
import type { GateEvent, GateFailure } from '../../src/gate/protocol.ts';
import { createFailureLog } from '../../src/run/failures.ts';

const failure: GateFailure = {
  event: 'failure',
  atNs: 1_500_000,
  pid: 7,
  tid: 8,
  comm: 'httpd',
  syscall: 'mmap',
  detail: '/lib/x.so',
  usage: 4096,
  errno: 12,
  step: 0,
} as GateFailure;

function count(changes: object) {
  return { event: 'count', comm: 'httpd', syscall: 'mmap', errno: 12, count: 2, ...changes } as GateEvent;
}

test('a failure from the helper is recorded under the result’s keys', (t) => {
  const log = createFailureLog();
  log.take(failure);
  t.like(log.failures[0], {
    atMs: 1.5,
    pid: 7,
    tid: 8,
    comm: 'httpd',
    syscall: 'mmap',
    detail: '/lib/x.so',
    usage: 4096,
    errno: 'ENOMEM',
    step: 0,
  });
});

test('a value unknown to the helper is null, not a placeholder', (t) => {
  const log = createFailureLog();
  log.take({ ...failure, pid: null, comm: '?', detail: null, usage: null, step: null });
  log.take(count({ comm: '?' }));
  t.like(log.failures[0], { pid: null, comm: null, detail: null, usage: null, step: null });
  t.is(log.counts[0]?.comm, null);
});

test('brk fails without an errno', (t) => {
  const log = createFailureLog();
  log.take({ ...failure, syscall: 'brk' });
  log.take(count({ syscall: 'brk' }));
  t.is(log.failures[0]?.errno, null);
  t.is(log.counts[0]?.errno, null);
});

test('the number of denials is the best known so far', (t) => {
  const log = createFailureLog();
  t.is(log.denials(), 0);
  log.take(failure);
  t.is(log.denials(), 1);
  log.take({ event: 'totals', denials: 100, gatedCalls: 200, maxUsage: null });
  t.is(log.denials(), 100);
  log.take({ event: 'summary', denials: 150 } as GateEvent);
  t.is(log.denials(), 150);
  t.is(log.summary()?.denials, 150);
});

test('there are no totals before the end', (t) => {
  t.is(createFailureLog().summary(), null);
});

test('the first hundred orphaned processes are listed with their names and exits', (t) => {
  const log = createFailureLog();
  const orphan = { event: 'orphan-ended', atNs: 2_000_000, pid: 7, comm: 'apache2', code: 1, signal: null } as const;
  log.take(orphan);
  log.take({ ...orphan, comm: '?', code: null, signal: 11 });
  t.deepEqual(log.orphans, [
    { atMs: 2, pid: 7, comm: 'apache2', exit: { code: 1, signal: null } },
    { atMs: 2, pid: 7, comm: null, exit: { code: null, signal: 'SIGSEGV' } },
  ]);
  for (let more = 0; more < 200; more += 1) log.take(orphan);
  t.is(log.orphans.length, 100);
});
