import test from 'ava';
import { callNames } from '../../src/gate/call-names.ts';
import { observedWords } from '../../src/gate/policy.ts';

/** The helper's MAX_CALLS. */
const ROOM = 1024;
const X64 = String(0xc000003e);
const I386 = String(0x40000003);

function rows(arch: string) {
  return observedWords(arch).map((word) => word.replace(/^call=/, '').split(':'));
}

function named(arch: string, audit: string, number: number) {
  return rows(arch).find(([of, nr]) => of === audit && nr === String(number));
}

test('every call number has one name, and the helper fits them all', (t) => {
  for (const arch of ['x64', 'arm64']) {
    const keys = rows(arch).map(([audit, number]) => `${audit}:${number}`);
    t.deepEqual(keys, [...new Set(keys)]);
    t.true(keys.length > 50 && keys.length < ROOM);
  }
});

test('calls that the gate knows come with details, others with their name only', (t) => {
  t.like(named('x64', X64, 257), { 2: 'openat', 8: 'at1', 12: 'open' });
  t.like(named('x64', X64, 0), { 2: 'read', 8: '' });
  t.like(named('x64', X64, 46), { 2: 'sendmsg' });
  t.like(named('x64', X64, 448), { 2: 'process_mrelease' });
  t.like(named('x64', I386, 5), { 2: 'open' });
});

test('the list names calls at both ends and in between', (t) => {
  for (const [number, name] of [
    [0, 'read'],
    [59, 'execve'],
    [156, '_sysctl'],
    [219, 'restart_syscall'],
    [334, 'rseq'],
    [424, 'pidfd_send_signal'],
    [435, 'clone3'],
    [450, 'set_mempolicy_home_node'],
  ] as const) {
    t.is(callNames.get(number), name);
  }
  t.is(callNames.get(335), undefined);
});
