import test from 'ava';
import fc from 'fast-check';
import { foldedStacks } from '../../../src/report/profile/folded.ts';
import type { Profile, ProfileRow } from '../../../src/result/schema.ts';
import { frames, profile, profileRow } from '../../fixtures/profiles.ts';
import { dangerous } from '../../fixtures/terminal.ts';

const KiB = 1024;

/** As flamegraph.pl reads a line, which accepts a second figure for differences. */
const ofFlamegraph = /^(.*)\s+?(\d+(?:\.\d*)?)$/;
const difference = /^(.*)\s+?(\d+(?:\.\d*)?)$/;
/** As speedscope does. */
const ofSpeedscope = /^(.*) (\d+)$/;

function folded(rows: readonly ProfileRow[], changes: Partial<Profile> = {}, at: 'peak' | 'end' | 'total' = 'peak') {
  return foldedStacks([profile({ rows: [...rows], ...changes })], at)
    .split('\n')
    .slice(0, -1);
}

test('a line is the process, its stack, the call, the kernel’s stack, and what was allocated', (t) => {
  const lines = foldedStacks([profile()], 'peak').split('\n');
  t.deepEqual(lines.slice(0, 5), [
    `apache2;apache2+0x421f0;listener_thread;accept4;[accept4];__sys_accept4_[k];sock_alloc_inode_[k];socket inode ${300 * KiB}`,
    `apache2;apache2+0x421f0;[clone];kernel stack ${128 * KiB}`,
    `apache2;[page fault];page table ${100 * KiB}`,
    `apache2;[unknown];accept4;[accept4];__sys_accept4_[k];sock_alloc_inode_[k];socket inode ${40 * KiB}`,
    `apache2;[epoll_ctl];epitem (releases not seen) ${30 * KiB}`,
  ]);
  t.is(lines.at(-1), '');
});

test('at the end, and in total', (t) => {
  const rows = [
    profileRow('a', { atPeak: 2, atEnd: 0, total: 5, isCounted: false }),
    profileRow('b', { atPeak: 0, atEnd: 1, isCounted: false }),
  ];
  t.deepEqual(folded(rows), [`apache2;[accept4];a (releases not seen) ${2 * KiB}`]);
  t.deepEqual(folded(rows, {}, 'end'), [`apache2;[accept4];b (releases not seen) ${KiB}`]);
  // What was allocated is known even if its release is not.
  t.deepEqual(folded(rows, {}, 'total'), [`apache2;[accept4];a ${5 * KiB}`]);
});

test('equal stacks are added up, within a run and over runs whose frames are numbered differently', (t) => {
  const one = profile({ rows: [profileRow('x', { user: [3] }), profileRow('x', { user: [3], size: 2 * KiB })] });
  const other = profile({ rows: [profileRow('x', { user: [0] })], frames: frames.slice(3, 4) });
  t.is(foldedStacks([one, other], 'peak'), `apache2;listener_thread;[accept4];x ${4 * KiB}\n`);
});

test('nothing live is an empty text', (t) => {
  t.deepEqual(folded([profileRow('x', { atPeak: 0 })]), []);
});

test('a name cannot add a frame, a line or a figure', (t) => {
  const named = (what: string, comm = 'sh') => folded([profileRow(what, { comm, origin: 'other', call: null })]);
  t.deepEqual(named('a;b\nc 1', 'x;y 2'), [String.raw`x:y_2;a:b\nc_1 ${KiB}`]);
  t.deepEqual(named(' 7', ''), [`[unknown];7 ${KiB}`]);
  t.deepEqual(named('socket inode'), [`sh;socket inode ${KiB}`]);
  t.deepEqual(dangerous(foldedStacks([profile()], 'peak'), '\n'), []);
});

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(';', ' ', '\n', '\r', '\t', '\u00a0', '\u2028', '\u0085', '1', '.', '_', 'a', '\ud800'),
  }),
);
const frame = fc.record({
  function: fc.option(text),
  file: fc.option(text),
  offset: fc.option(fc.nat()),
});
const indices = fc.array(fc.nat({ max: 4 }), { maxLength: 4 });
const row = fc
  .record({
    what: text,
    comm: text,
    call: fc.option(text),
    kernel: indices,
    user: indices,
    atPeak: fc.integer({ min: 1, max: 9 }),
  })
  .chain((made) =>
    fc
      .constantFrom(...(['call', 'fault', 'other'] as const))
      .map((origin) => profileRow(made.what, { ...made, origin })),
  );

test('every line can be read, whatever the names', (t) => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), fc.array(frame, { maxLength: 4 }), (rows, made) => {
      const lines = folded(rows, { frames: made });
      let sum = 0;
      for (const line of lines) {
        const [, stack = '', bytes] = ofFlamegraph.exec(line) ?? [];
        sum += Number(bytes);
        t.notRegex(stack, difference);
        t.is(ofSpeedscope.exec(line)?.[1], stack);
        t.deepEqual(dangerous(line, ''), []);
        const names = stack.split(';');
        t.true(names.every((name) => name.trim() !== ''));
        t.true(
          rows.some(({ user, kernel, origin, call }) => {
            const entry = origin === 'fault' || call !== null ? 1 : 0;
            return names.length === 2 + user.length + kernel.length + entry;
          }),
        );
      }
      t.is(
        sum,
        rows.reduce((all, { atPeak }) => all + atPeak.bytes, 0),
      );
    }),
  );
});
