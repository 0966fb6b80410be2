import test from 'ava';
import { commonForm, failureRows } from '../../../src/report/terminal/failures.ts';
import { failure, result } from '../../fixtures/results.ts';

function lines(made: Parameters<typeof failureRows>[0]) {
  return failureRows(made, false).flatMap((row) =>
    row.lines.map((line) => (typeof line === 'string' ? line : line.text)),
  );
}

test('finds the common form of details', (t) => {
  t.is(commonForm([]), null);
  t.is(commonForm(['/a/b', '/a/b']), '/a/b');
  t.is(commonForm(['/usr/lib/a.so', '/usr/lib/b.so']), '/usr/lib/*.so');
  t.is(commonForm(['/usr/lib/a.so', '/usr/lib/x/y/b.so']), '/usr/lib/…/*.so');
  t.is(commonForm(['/usr/lib/libc.so.6', '/usr/lib/libssl.so.3']), '/usr/lib/*');
  t.is(commonForm(['/etc/a', '/usr/b', '/usr/b']), '/usr/b and 1 other');
  t.is(commonForm(['/usr/lib/a.so', '/usr/lib/b.so', '4096 bytes']), '/usr/lib/*.so and 1 other');
  t.is(commonForm(['8192 bytes', '4096 bytes', '100000 bytes']), '4,096 to 100,000 bytes');
  t.is(commonForm(['fd 3', 'fd 4', 'fd 3']), 'fd 3 and 1 other');
  t.is(commonForm(['/a/.so', '/a/x.so']), '/a/*');
});

test('totals come from the counts, including failures not listed', (t) => {
  const made = result({
    failures: [failure({ detail: '4096 bytes' })],
    failureCounts: [
      { comm: 'sh', syscall: 'clone', errno: 'ENOMEM', count: 7 },
      { comm: 'apache2', syscall: 'mmap', errno: 'ENOMEM', count: 2 },
      { comm: 'apache2', syscall: 'socket', errno: 'ENFILE', count: 30 },
    ],
  });
  t.deepEqual(lines(made), [
    '39 in all; details are of the first 1',
    'apache2: 30 × socket (ENFILE), 2 × mmap of 4096 bytes (ENOMEM)',
    'sh: 7 × clone (ENOMEM)',
  ]);
});

test('a failure missing from the counts is still counted', (t) => {
  t.deepEqual(lines(result({ failures: [failure({ detail: null }), failure({ detail: null })] })), [
    '2 in all',
    'apache2: 2 × mmap (ENOMEM)',
  ]);
});

test('counts without a list, unread names, many calls of one program', (t) => {
  t.deepEqual(lines(result({ failureCounts: [{ comm: null, syscall: 'brk', errno: null, count: 3 }] })), [
    '3 in all; counted only',
    '(name not read): 3 × brk',
  ]);
  const failureCounts = Array.from({ length: 6 }, (_, index) => ({
    comm: 'a',
    syscall: `call${index}`,
    errno: 'ENOMEM',
    count: 6 - index,
  }));
  t.is(
    lines(result({ failureCounts }))[1],
    'a: 6 × call0 (ENOMEM), 5 × call1 (ENOMEM), 4 × call2 (ENOMEM), 3 × call3 (ENOMEM), and 3 more',
  );
});

test('no failures, no rows', (t) => {
  t.deepEqual(failureRows(result(), false), []);
  t.deepEqual(failureRows(result({ kmem: { failcnt: null } }), true), []);
});
