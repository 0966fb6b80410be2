/** Limits other than the kernel memory limit. */

import { existsSync } from 'node:fs';
import test from 'ava';
import { version } from '../cgroup/sandbox.ts';
import { makeHarness } from '../harness.ts';
import { needs, where } from '../needs.ts';

const python = '/usr/bin/python3';

test('a child is killed for its memory and the parent exits 0: status 123', async (t) => {
  if (!needs(t, existsSync(python), 'python3')) return;
  const harness = makeHarness(t);
  const ran = await harness.run(['--mem', '40M', '--', 'sh', '-c', `${python} -c 'bytearray(90000000)'; true`]);
  t.is(ran.status, 123, ran.stderr);
  t.is(ran.result?.outcome, 'oom');
  t.is(ran.result?.exit.code, 0);
  harness.assertNothingLeft();
});

const queue = `
import socket
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(8)
ends, queued = [], 0
for i in range(4):
    client = socket.create_connection(listening.getsockname())
    ends += [client, listening.accept()[0]]
    client.setblocking(False)
    try:
        while True:
            queued += client.send(b"x" * 65536)
    except BlockingIOError:
        pass
print(queued)
`;

where(
  version === 1,
  'cgroup v1',
  test,
)('TCP buffers are counted, also without --kmem-tcp', async (t) => {
  if (!needs(t, existsSync(python), 'python3')) return;
  const harness = makeHarness(t);
  const ran = await harness.run(['--', python, '-c', queue]);
  t.is(ran.status, 0, ran.stderr);
  const queued = Number(ran.stdout);
  t.true(queued > 0);
  t.true((ran.result?.kmemTcp?.maxUsage ?? 0) >= queued, JSON.stringify(ran.result?.kmemTcp));
  harness.assertNothingLeft();
});

test('under --enforce none nothing is counted, and failcnt is null', async (t) => {
  const harness = makeHarness(t);
  const options = ['--kmem', '4K', '--enforce', 'none', '--expect', 'failcnt==null'];
  const ran = await harness.run([...options, '--', 'sh', '-c', 'exit 3']);
  t.is(ran.result?.kmem.failcnt, null);
  t.true(ran.result?.expectations.find(({ expr }) => expr === 'failcnt==null')?.passed);
  const failed = await harness.run(['--kmem', '4K', '--enforce', 'none', '--', 'sh', '-c', 'exit 3']);
  t.is(failed.status, 3);
  t.notRegex(failed.stderr, /no allocation was denied/);
  harness.assertNothingLeft();
});

where(
  version === 1,
  'cgroup v1',
  test,
)('a peak of TCP buffers above --kmem-tcp is named: the limit is soft', async (t) => {
  if (!needs(t, existsSync(python), 'python3')) return;
  const harness = makeHarness(t);
  const ran = await harness.run(['--kmem-tcp', '64K', '--', python, '-c', queue]);
  t.true((ran.result?.kmemTcp?.maxUsage ?? 0) > 65_536, JSON.stringify(ran.result?.kmemTcp));
  t.true(ran.result?.enforcement.notes.some((note) => /TCP buffers peaked at .* above --kmem-tcp 64 KiB/.test(note)));
  const below = await harness.run(['--kmem-tcp', '1G', '--', python, '-c', queue]);
  t.false(below.result?.enforcement.notes.some((note) => note.includes('--kmem-tcp')));
  harness.assertNothingLeft();
});

test('a memory limit too small for the command to start is named as the cause', async (t) => {
  const harness = makeHarness(t);
  for (const mem of ['4K', '8K', '16K', '24K']) {
    const ran = await harness.run(['--mem', mem, '--', 'true']);
    t.notRegex(ran.stderr, /native helper failed/, mem);
    if (ran.result?.outcome !== 'oom') t.like(ran.result?.error, { code: 'mem-too-small' }, mem);
  }
  const ran = await harness.run(['--mem', '4K', '--', 'true']);
  t.is(ran.status, 125, ran.stderr);
  t.regex(ran.stderr, /the memory limit of 4 KiB is too small for the command to start\n {2}hint: raise --mem/);
  harness.assertNothingLeft();
});
