/** What the table of calls says about descriptors, compared with what the kernel does. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type GatedCall, gatedCalls } from '../../src/gate/syscalls.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { needs } from '../needs.ts';

const ARCH = process.arch === 'arm64' ? 3 : 0;
const { ENOSYS, EPERM, EOPNOTSUPP } = constants.errno;
/** Calls that a kernel may be built without, or a container may forbid. */
const OPTIONAL =
  /^(memfd_secret|landlock_|userfaultfd|io_uring_|fanotify_|bpf|fs|open_tree|open_by|mount|mq_|pkey_|seccomp|l?setxattr|fsetxattr)/;

function returned({ creates }: GatedCall): number {
  return typeof creates === 'number' ? creates : Number(creates !== undefined);
}

/** By name: how many more descriptors exist after the call, and its errno or 0. */
function observe(folder: string): Map<string, { more: number; errno: number }> {
  const output = execFileSync(compileFixture('descriptors'), [folder], { encoding: 'utf8' });
  const rows = output.trimEnd().split('\n');
  return new Map(
    rows.map((row) => {
      const [name = '', more, errno] = row.split(' ');
      return [name, { more: Number(more), errno: Number(errno) }];
    }),
  );
}

test('each call returns as many descriptors as its row says', (t) => {
  if (!needs(t, process.geteuid?.() === 0, 'root')) return;
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-descriptors-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const observed = observe(folder);
  const calls = gatedCalls.filter(({ numbers }) => numbers[ARCH] !== null);
  for (const [index, call] of calls.entries()) {
    const label = calls.slice(0, index).some(({ name }) => name === call.name) ? `${call.name}#2` : call.name;
    const { more, errno } = observed.get(label) ?? { more: null, errno: 0 };
    if (OPTIONAL.test(call.name) && [ENOSYS, EPERM, EOPNOTSUPP].includes(errno)) {
      t.log(`${label}: not on this machine`);
    } else {
      t.deepEqual({ more, errno }, { more: returned(call), errno: 0 }, label);
    }
  }
});

test('i386-only rows match those of the same name, except two that stand for several calls', (t) => {
  const alone = gatedCalls.filter(({ numbers: [x64, , , arm64] }) => x64 === null && arm64 === null);
  t.deepEqual(
    alone.map((call) => [call.name, returned(call)]),
    [
      ['mmap', 0],
      ['mmap2', 0],
      ['fcntl64', 1],
      ['fcntl64', 0],
      // Its descriptors are not counted: bind and connect, which use the same number, return none.
      ['socketcall', 0],
      ['mq_timedsend_time64', 0],
      ['ipc', 0],
    ],
  );
});

test('a call that returns no descriptor is not denied because the descriptor table is full', async (t) => {
  const harness = makeHarness(t);
  const program = compileFixture('full-table');
  const outputs: string[] = [];
  for (let kib = 120; kib <= 180; kib += 4) {
    const { stdout } = await harness.run(['--kmem', `${kib}K`, '--', program]);
    if (stdout !== '') outputs.push(stdout.trimEnd());
  }
  // Within a page of the limit there is no room for the watch itself.
  t.true(outputs.includes('epoll_ctl ok, dup Cannot allocate memory'), outputs.join('\n'));
});
