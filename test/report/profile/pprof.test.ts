import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { pprofProfile } from '../../../src/report/profile/pprof.ts';
import { profile, profileRow } from '../../fixtures/profiles.ts';
import { fieldsOf, messages, numbers, numeric } from '../../fixtures/protobuf.ts';
import { dangerous } from '../../fixtures/terminal.ts';

const KiB = 1024;

/** By the field numbers of profile.proto, without the package that encoded it. */
async function decoded(...args: Parameters<typeof pprofProfile>) {
  const whole = fieldsOf(gunzipSync(await pprofProfile(...args)));
  const strings = (whole.get(6) ?? []).map(String);
  const text = (index: number) => strings[index] ?? '?';
  const functions = new Map(
    messages(whole, 5).map((one) => [numeric(one, 1), { name: text(numeric(one, 2)), file: text(numeric(one, 4)) }]),
  );
  const locations = new Map(
    messages(whole, 4).map((one) => [numeric(one, 1), messages(one, 4).map((line) => functions.get(numeric(line, 1)))]),
  );
  return {
    strings,
    types: messages(whole, 1).map((one) => [text(numeric(one, 1)), text(numeric(one, 2))]),
    defaultType: text(numeric(whole, 14)),
    comments: numbers(whole, 13).map(text),
    samples: messages(whole, 2).map((one) => ({
      stack: numbers(one, 1).flatMap((id) => locations.get(id) ?? []),
      values: numbers(one, 2),
      labels: Object.fromEntries(messages(one, 3).map((label) => [text(numeric(label, 1)), text(numeric(label, 2))])),
    })),
  };
}

test('objects and bytes of each stack, with the process and the call', async (t) => {
  const { strings, types, defaultType, comments, samples } = await decoded([profile()], 'peak');
  t.is(strings[0], '');
  t.deepEqual(types, [
    ['objects', 'count'],
    ['space', 'bytes'],
  ]);
  t.is(defaultType, 'space');
  t.deepEqual(comments, ['kernel memory, live when usage was highest']);
  t.deepEqual(samples[0], {
    stack: [
      { name: 'socket inode', file: '' },
      { name: 'sock_alloc_inode', file: '[kernel]' },
      { name: '__sys_accept4', file: '[kernel]' },
      { name: '[accept4]', file: '' },
      { name: 'accept4', file: '/usr/lib/x86_64-linux-gnu/libc.so.6' },
      { name: 'listener_thread', file: '/usr/lib/apache2/modules/mod_mpm_event.so' },
      { name: 'apache2+0x421f0', file: '/usr/sbin/apache2' },
    ],
    values: [300, 300 * KiB],
    labels: { comm: 'apache2', syscall: 'accept4' },
  });
  t.deepEqual(samples[2], {
    stack: [
      { name: 'page table', file: '' },
      { name: '[page fault]', file: '' },
    ],
    values: [25, 100 * KiB],
    labels: { comm: 'apache2' },
  });
});

test('equal stacks are one sample, those of other processes are not', async (t) => {
  const rows = [profileRow('x', { user: [3] }), profileRow('x', { user: [3], comm: 'sh' })];
  const { samples } = await decoded([profile({ rows }), profile({ rows })], 'peak');
  t.deepEqual(
    samples.map(({ values, labels }) => [labels.comm, values]),
    [
      ['apache2', [2, 2 * KiB]],
      ['sh', [2, 2 * KiB]],
    ],
  );
});

test('the other moments', async (t) => {
  const rows = [profileRow('x', { atPeak: 1, atEnd: 2, total: 3, isCounted: false })];
  for (const [at, objects, name] of [
    ['end', 2, 'x (releases not seen)'],
    ['total', 3, 'x'],
  ] as const) {
    const { samples, comments } = await decoded([profile({ rows })], at);
    t.deepEqual(samples[0]?.values, [objects, objects * KiB]);
    t.is(samples[0]?.stack[0]?.name, name);
    t.regex(comments[0] ?? '', at === 'end' ? /at the end/ : /allocated during/);
  }
});

test('sizes beyond 32 bits, no rows, and hostile names', async (t) => {
  const size = 2 ** 40;
  const { samples } = await decoded([profile({ rows: [profileRow('x', { size, atPeak: 3 })] })], 'peak');
  t.deepEqual(samples[0]?.values, [3, 3 * size]);
  t.deepEqual((await decoded([profile({ rows: [] })], 'peak')).samples, []);
  const { strings } = await decoded([profile()], 'peak');
  t.deepEqual(dangerous(strings.join(''), ''), []);
});
