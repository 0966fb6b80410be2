import test from 'ava';
import type { GateEvent } from '../../src/gate/protocol.ts';
import { createFailureLog } from '../../src/run/failures.ts';

function noticeOf(event: GateEvent): string {
  const log = createFailureLog();
  log.take(event);
  return log.notices().join('\n');
}

test('a kernel that hides which calls failed is reported with the reason and what stays unseen', (t) => {
  const refused = noticeOf({ event: 'unattributed', errno: 1 });
  t.regex(refused, /^it is unknown which calls failed \(bpf\(2\): EPERM\)/);
  t.regex(refused, /livelock .* --timeout/);
  t.regex(noticeOf({ event: 'unattributed', errno: 0 }), /there is no unified hierarchy/);
});

test('a livelock notice names who was stuck, how long and how often', (t) => {
  const stuck = { event: 'livelock', pid: 12, tid: 13, comm: 'redis', refusals: 150_230, forNs: 3.9e9 } as const;
  t.regex(noticeOf(stuck), /^redis \(12\) was stuck in a page fault: .* 150,230 times in 3\.9 s/);
  t.regex(noticeOf({ ...stuck, pid: null, comm: null }), /^a process \(13\) was stuck/);
});
