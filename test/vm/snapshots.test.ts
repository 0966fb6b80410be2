/** Snapshots: they save the boot, nobody else can change them, and one that is damaged is not used. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { findCacheFolder } from '../../bin/cache-folder.js';
import { normaliseSpec } from '../../src/request/normalise.ts';
import type { RunInput } from '../../src/request/run-input.ts';
import { runSpec } from '../../src/run/index.ts';
import { draftSnapshot, openSnapshot, removeSnapshotsOf, snapshotName } from '../../src/vm/snapshots.ts';
import { MIB, makeFolder, qemus } from './machines.ts';
import { needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;

/** Unlike any other test's, so that nobody else makes or uses its snapshot. */
const SHAPE = { vmMemory: '769M' } as const;
const BYTES = 769 * MIB;

function folder(): string {
  return join(findCacheFolder().folder ?? '', 'snapshots');
}

/** Of the snapshots made here. */
function names(): string[] {
  const sizeOf = (name: string) => statSync(join(folder(), name, 'memory'), { throwIfNoEntry: false })?.size;
  return readdirSync(folder()).filter((name) => /^5\.10-[0-9a-f]{24}$/.test(name) && sizeOf(name) === BYTES);
}

function isRestored(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('\0-incoming\0');
}

/** What the run wrote, and whether its machine came from a snapshot. */
async function run(script: string, more: Partial<RunInput> = {}) {
  const spec = normaliseSpec({
    ...{ command: ['sh', '-c', script], kernel: '5.10', output: 'null', timeout: '2m', ...SHAPE, ...more },
  });
  let restored = false;
  let stdout = '';
  const result = await runSpec(spec, {
    stdin: 'null',
    onProgress: () => {
      restored ||= qemus().some(isRestored);
    },
    onOutput: (output) => {
      stdout = output.stdout ?? '';
    },
  });
  return { result, restored, stdout };
}

async function prepared(t: ExecutionContext): Promise<boolean> {
  t.timeout(10 * 60_000);
  return needsKernel(t, '5.10');
}

const LOOK = 'cat /proc/sys/kernel/random/uuid; date +%s; sleep 0.5';

test('the second run restores what the first one saved, with other random numbers and the time', async (t) => {
  if (!(await prepared(t))) return;
  const first = await run(LOOK);
  const made = names();
  t.is(made.length, 1);
  const second = await run(LOOK);
  t.true(second.restored);
  t.deepEqual(names(), made);
  t.deepEqual([first.result.outcome, second.result.outcome], ['passed', 'passed']);
  const [[uuid, at], [other, later]] = [first.stdout.split('\n'), second.stdout.split('\n')];
  t.not(uuid, other);
  t.true(Math.abs(Date.now() / 1000 - Number(later)) < 60 && Number(later) > Number(at));
  const [name = ''] = made;
  t.is(statSync(join(folder(), name)).mode & 0o777, 0o700);
  for (const file of ['memory', 'devices']) t.is(statSync(join(folder(), name, file)).mode & 0o777, 0o600);
  t.false((await run(LOOK, { freshVm: true })).restored);

  // Others could have changed it.
  chmodSync(join(folder(), name, 'memory'), 0o620);
  t.is(openSnapshot(name), null);
  chmodSync(join(folder(), name, 'memory'), 0o600);

  // Damaged: the run is made all the same, and the next one restores a new snapshot.
  truncateSync(join(folder(), name, 'devices'), 1000);
  t.is((await run('true')).result.outcome, 'passed');
  t.true((await run(LOOK)).restored);
  t.is(names().length, 1);
});

test('a run on a terminal finds it by its name, whether its machine was booted or restored', async (t) => {
  if (!(await prepared(t))) return;
  const program = join(import.meta.dirname, '..', '..', 'bin', 'kmem-run.js');
  const line = `'${process.execPath}' '${program}' --kernel 5.10 --vm-memory 770M --quiet -- tty`;
  for (const more of ['', '', ' --fresh-vm']) {
    const words = ['-qec', line.replace(' --quiet', `${more} --quiet`), '/dev/null'];
    const { status, stdout } = spawnSync('script', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    t.is(status, 0);
    t.regex(stdout, /\/dev\/pts\/0\r\n$/);
  }
});

test('the snapshots of a kernel are removed with it', (t) => {
  const [own, other] = ['of-0123456789abcdef01234567', 'of-other-0123456789abcdef01234567'];
  for (const name of [own, other]) mkdirSync(join(folder(), name), { recursive: true });
  removeSnapshotsOf('of');
  t.deepEqual(
    readdirSync(folder()).filter((name) => name.startsWith('of-')),
    [other],
  );
  removeSnapshotsOf('of-other');
  t.false(readdirSync(folder()).includes(other));
});

test('a memory that is not the guest’s: another snapshot is made for the run', async (t) => {
  if (!(await prepared(t))) return;
  await run('true');
  const [name = ''] = names();
  const memory = join(folder(), name, 'memory');
  const { size } = statSync(memory);
  truncateSync(memory, 0);
  truncateSync(memory, size);
  t.is(statSync(memory).blocks, 0);
  const { result, restored } = await run(LOOK);
  t.is(result.outcome, 'passed');
  t.true(restored);
  t.deepEqual(names(), [name]);
  t.true(statSync(memory).blocks > 0);
});

test('a name depends on the words and on the files', (t) => {
  const file = join(makeFolder(t), 'file');
  writeFileSync(file, 'one');
  const name = snapshotName('5.10', ['a'], [file]);
  t.regex(name, /^5\.10-[0-9a-f]{24}$/);
  t.is(snapshotName('5.10', ['a'], [file]), name);
  t.not(snapshotName('5.10', ['b'], [file]), name);
  writeFileSync(file, 'other');
  t.not(snapshotName('5.10', ['a'], [file]), name);
});

test('a draft that is not kept leaves nothing', (t) => {
  const draft = draftSnapshot('none-0123456789abcdef01234567', 4096);
  if (draft === null) throw new Error('there is no folder for it');
  t.true(readdirSync(folder()).some((entry) => entry.startsWith('none-')));
  draft.close();
  t.false(readdirSync(folder()).some((entry) => entry.startsWith('none-')));
});
