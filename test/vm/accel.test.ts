import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { findProgram } from '../../src/host/programs.ts';
import { type KvmAnswer, kvmMemory } from '../../src/vm/accel.ts';
import { makeInitramfs } from '../../src/vm/initramfs.ts';
import { bootImage } from '../../src/vm/machine.ts';
import { isAlive, kernelFor, makeFolder, ordinary, qemus } from './machines.ts';

const test = anyTest.serial;

function makeMemory(t: ExecutionContext) {
  const folder = makeFolder(t);
  const [qemu, image, device] = ['qemu', 'image', 'kvm'].map((name) => {
    writeFileSync(join(folder, name), name);
    return join(folder, name);
  }) as [string, string, string];
  return { folder, qemu, image, device, open: () => kvmMemory({ qemu, image, device, folder }) };
}

test('an answer is remembered for this QEMU and this image, and can be forgotten', (t) => {
  const { folder, image, open } = makeMemory(t);
  t.is(open().answer(), 'unknown');
  open().remember(false);
  t.is(open().answer(), 'fails');
  writeFileSync(image, 'another image');
  t.is(open().answer(), 'unknown');
  open().remember(true);
  t.is(open().answer(), 'works');
  writeFileSync(image, 'image');
  open().remember(null);
  t.is(open().answer(), 'unknown');
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('kvm.json')),
    ['kvm.json'],
  );
});

test('without a usable device, the saved answer is ignored', (t) => {
  const { folder, qemu, image, open } = makeMemory(t);
  open().remember(true);
  t.is(kvmMemory({ qemu, image, device: join(folder, 'absent'), folder }).answer(), 'absent');
});

test('a file that is writable by others or invalid is ignored and replaced', (t) => {
  const { folder, open } = makeMemory(t);
  open().remember(true);
  chmodSync(join(folder, 'kvm.json'), 0o666);
  t.is(open().answer(), 'unknown');
  open().remember(true);
  t.is(statSync(join(folder, 'kvm.json')).mode & 0o777, 0o600);
  for (const junk of ['', '{', '[1]', '{"a":"b"}', 'null']) {
    writeFileSync(join(folder, 'kvm.json'), junk);
    t.is(open().answer(), 'unknown', junk);
  }
});

test('only the latest answers are kept', (t) => {
  const { folder, image, open } = makeMemory(t);
  for (let i = 0; i < 80; i += 1) {
    writeFileSync(image, 'x'.repeat(i));
    open().remember(i % 2 === 0);
  }
  t.is(open().answer(), 'fails');
  t.is(Object.keys(JSON.parse(readFileSync(join(folder, 'kvm.json'), 'utf8'))).length, 64);
});

/** Replaces QEMU: hangs or dies if told to use KVM, otherwise runs QEMU. It records each start. */
function makeQemu(t: ExecutionContext, underKvm: string) {
  const folder = makeFolder(t);
  const qemu = join(folder, 'qemu');
  const log = join(folder, 'log');
  writeFileSync(log, '');
  writeFileSync(
    qemu,
    `#!/bin/sh\ncase "$*" in *"-accel kvm"*) echo kvm >> ${log}; ${underKvm};; *) echo tcg >> ${log}; exec ${findProgram('qemu-system-x86_64')} "$@";; esac\n`,
    { mode: 0o755 },
  );
  const device = join(folder, 'kvm');
  writeFileSync(device, '');
  const cache = makeFolder(t);
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = cache;
  t.teardown(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
  });
  return { qemu, device, starts: () => readFileSync(log, 'utf8').trim().split('\n') };
}

const timeouts = {
  trial: { silenceMs: 1000, totalMs: 2000 },
  kvm: { silenceMs: 1000, totalMs: 2000 },
  tcg: { silenceMs: 30_000, totalMs: 90_000 },
};

for (const [title, underKvm] of [
  ['hangs', 'exec sleep 1000'],
  ['dies', 'kill -ABRT $$'],
] as const) {
  test(`KVM that ${title} is tried once; the guest is emulated, then and later`, async (t) => {
    const kernel = await kernelFor(t);
    if (kernel === null) return;
    const initramfs = await makeInitramfs(kernel);
    const { qemu, device, starts } = makeQemu(t, underKvm);
    for (const expected of [
      ['kvm', 'tcg'],
      ['kvm', 'tcg', 'tcg'],
    ]) {
      const machine = await bootImage({ ...ordinary, kernel, accel: 'auto' }, { qemu, initramfs, timeouts, device });
      t.is(machine.accel, 'tcg');
      t.is(machine.attempts, 1);
      await machine.kill();
      t.deepEqual(starts(), expected);
      t.false(isAlive(machine.pid));
    }
    const answer: KvmAnswer = kvmMemory({ qemu, image: kernel.image, device }).answer();
    t.is(answer, 'fails');
    t.deepEqual(qemus(), []);
  });
}

test('requested but unavailable KVM is an error, and nothing is started', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const { qemu, device } = makeQemu(t, 'exit 1');
  const parts = { qemu, initramfs: '/nonexistent', timeouts };
  const refused = bootImage({ ...ordinary, kernel, accel: 'kvm' }, { ...parts, device: `${device}.absent` });
  const { code, hint } = (await t.throwsAsync(refused)) as Error & { code: string; hint: string };
  t.is(code, 'no-kvm');
  t.regex(hint, /allow emulation/);
  const failed = bootImage({ ...ordinary, kernel, accel: 'kvm', retries: 1 }, { ...parts, device });
  t.like(await t.throwsAsync(failed), { code: 'boot-failed' });
});
