import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { SetupError } from '../../src/errors.ts';
import { findProgram } from '../../src/host/programs.ts';
import type { Kernel } from '../../src/kernels/types.ts';
import { makeCpio, makeInitramfs } from '../../src/vm/initramfs.ts';
import { type BootOptions, bootImage, bootMachine } from '../../src/vm/machine.ts';
import { readOrEmpty } from '../processes.ts';
import {
  boot,
  exited,
  inMachineWords,
  isAlive,
  kernelFor,
  MIB,
  makeFolder,
  ordinary,
  qemus,
  runScript,
  startScript,
  until,
} from './machines.ts';

const test = anyTest.serial;

const long = { silenceMs: 30_000, totalMs: 120_000 };
const short = { silenceMs: 3000, totalMs: 60_000 };

/** Boots from these files, and returns the error that must result. */
async function failToBoot(
  t: ExecutionContext,
  options: Partial<BootOptions> & Readonly<{ kernel: Kernel }>,
  initramfs: string,
  tcg = short,
): Promise<SetupError> {
  const timeouts = { tcg, kvm: tcg, trial: tcg };
  const qemu = findProgram('qemu-system-x86_64') ?? '';
  const parts = { qemu, initramfs, timeouts, device: '/nonexistent' };
  const error = await t.throwsAsync(bootImage({ ...ordinary, retries: 0, ...options }, parts), {
    instanceOf: SetupError,
  });
  t.deepEqual(qemus(), []);
  return error;
}

/** An initramfs whose first process does this. */
function makeInit(t: ExecutionContext, body: string): string {
  const folder = makeFolder(t);
  const [source, program, archive] = ['init.c', 'init', 'cpio'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(source, `#include <unistd.h>\nint main(void)\n{\n  ${body}\n}\n`);
  execFileSync('cc', ['-static', '-O1', '-o', program, source]);
  writeFileSync(
    archive,
    makeCpio([
      { path: 'dev', mode: 0o040755 },
      { path: 'dev/console', mode: 0o020600, device: [5, 1] },
      { path: 'init', mode: 0o100755, data: readFileSync(program) },
    ]),
  );
  return archive;
}

test('a machine boots, describes itself and is gone once killed', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const said: string[] = [];
  const machine = await boot(t, kernel, { onProgress: (text) => said.push(text), retries: 2 });
  t.is(machine.accel, 'tcg');
  t.is(machine.attempts, 1);
  t.true(machine.bootMs > 0);
  t.deepEqual(qemus(), [machine.pid]);
  t.deepEqual(said, [`booting Linux ${kernel.version} (emulated)`]);
  t.regex(machine.consoleTail(), /^\[ *\d+\.\d+\] \S/m);
  t.notRegex(machine.consoleTail(), /[^\n\x20-\x7e…]/);
  // In its own session: no key pressed on our terminal reaches it.
  const [, , , session] = readOrEmpty(`/proc/${machine.pid}/stat`).split(') ')[1]?.split(' ') ?? [];
  t.is(Number(session), machine.pid);
  await machine.kill();
  t.false(isAlive(machine.pid));
  t.like(await machine.ended, { code: null, signal: 'SIGKILL' });
  for (const port of Object.values(machine.ports)) t.true(port.destroyed);
  await machine.kill();
});

test('a guest has several CPUs and can write to shared folders of any name but not elsewhere on the host', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const outside = makeFolder(t);
  const shared = join(outside, 'a,b=c d:é');
  mkdirSync(shared);
  const machine = await boot(t, kernel, { cpus: 2, rw: [shared] });
  const script = `nproc; cd '${outside}' && echo in > '${shared}/file' && echo out > file && cat file`;
  t.like(await runScript(machine, script), { ...exited(0), stdout: '2\nout\n', stderr: '' });
  t.is(readFileSync(join(shared, 'file'), 'utf8'), 'in\n');
  t.false(existsSync(join(outside, 'file')));
});

test('too many shared folders are refused before anything starts', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const rw = Array.from({ length: 21 }, () => '/tmp');
  t.like(await t.throwsAsync(bootMachine({ ...ordinary, kernel, rw })), { code: 'too-many-shares' });
});

test('a guest that fills its memory uses at most that and 300 MB of the host', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const memory = 320 * MIB;
  const machine = await boot(t, kernel, { memory });
  // Half in a file on a tmpfs, half in tail's buffers.
  const fill = 'head -c 130M /dev/zero > /tmp/full; head -c 120M /dev/zero | tail -c 110M | wc -c';
  const { code } = await runScript(machine, fill);
  t.is(code, 0);
  const peakKib = Number(/^VmHWM:\s+(\d+)/m.exec(readOrEmpty(`/proc/${machine.pid}/status`))?.[1]);
  t.log(`${Math.round(peakKib / 1024)} MiB for a guest of ${memory / MIB} MiB`);
  t.true(peakKib > 250 * 1024);
  t.true(peakKib * 1024 <= memory + 300e6);
});

test('a hung guest ends each boot with the last lines of its kernel', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const boots: string[] = [];
  const options = { kernel, retries: 1, onProgress: (text: string) => boots.push(text) };
  const init = makeInit(t, 'write(1, "waiting for ever\\n", 17); for (;;) pause();');
  const { code, message, hint } = await failToBoot(t, options, init);
  t.is(code, 'boot-failed');
  t.regex(
    message,
    /^the microVM with kernel 5\.10 did not come up in 2 boots: no output from its kernel for 3 s; .*:\n {4}\[/,
  );
  t.regex(message, /\n {4}waiting for ever(\n|$)/);
  t.regex(hint, /kmem-run kernel verify 5\.10/);
  t.is(boots.length, 2);
  t.regex(boots[1] ?? '', /boot 2 of 2/);
});

test('endless output does not count as a completed boot', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const init = makeInit(t, 'for (;;) { write(1, "still here\\n", 11); usleep(200000); }');
  const { message } = await failToBoot(t, { kernel }, init, { silenceMs: 30_000, totalMs: 6000 });
  t.regex(message, /did not come up: it was not up after 6 s; (.|\n)*still here/);
});

test('a panic is reported at once with its message', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const { code, message } = await failToBoot(t, { kernel }, makeInit(t, 'return 3;'), long);
  t.is(code, 'boot-failed');
  t.regex(
    message,
    /: its kernel panicked: Attempted to kill init! exitcode=0x00000300; the last lines of its kernel:\n/,
  );
});

test('an incomplete image does not boot', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const image = join(makeFolder(t), 'vmlinux');
  await copyFile(kernel.image, image);
  truncateSync(image, 20 * MIB);
  const { code, hint } = await failToBoot(t, { kernel: { ...kernel, image } }, await makeInitramfs(kernel));
  t.is(code, 'boot-failed');
  t.regex(hint, /kmem-run kernel verify 5\.10/);
});

test('too much guest memory is reported with the option to change', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const memory = 2 ** 50;
  const { code, message, hint } = await failToBoot(t, { kernel, memory }, await makeInitramfs(kernel), long);
  t.is(code, 'boot-failed');
  t.regex(message, /did not come up: QEMU ended with status 1: .*memory/);
  t.regex(hint, /--vm-memory/);
});

test('without QEMU, the package is named', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const before = process.env.PATH;
  t.teardown(() => {
    process.env.PATH = before;
  });
  process.env.PATH = makeFolder(t);
  const error = await t.throwsAsync(bootMachine({ ...ordinary, kernel }), { instanceOf: SetupError });
  t.is(error.code, 'no-qemu');
  t.is(error.hint, 'apt-get install qemu-system-x86');
});

test('a kernel of another architecture is refused', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const arch = kernel.arch === 'x86_64' ? 'aarch64' : 'x86_64';
  const error = await t.throwsAsync(bootMachine({ ...ordinary, kernel: { ...kernel, arch } }));
  t.like(error, { code: 'wrong-architecture' });
});

test('an interrupt ends a boot, and its retries', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const abort = new AbortController();
  const booting = bootMachine({ ...ordinary, kernel, retries: 3, signal: abort.signal });
  const refused = t.throwsAsync(booting, { instanceOf: SetupError });
  await until(() => qemus().length === 1, 'QEMU starts');
  abort.abort();
  t.like(await refused, { code: 'interrupted' });
  t.deepEqual(qemus(), []);
  t.like(await t.throwsAsync(bootMachine({ ...ordinary, kernel, signal: abort.signal })), { code: 'interrupted' });
});

test('if QEMU is killed during a boot, it is retried or reported', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  for (const retries of [1, 0]) {
    const booting = bootMachine({ ...ordinary, kernel, retries });
    const outcome = booting.catch((error: unknown) => error);
    await until(() => qemus().length === 1, 'QEMU starts');
    for (const pid of qemus()) process.kill(pid, 'SIGKILL');
    const made = await outcome;
    if (made instanceof SetupError) {
      t.is(retries, 0);
      t.is(made.code, 'boot-failed');
      t.regex(made.message, /did not come up: QEMU was killed by SIGKILL/);
    } else {
      t.is(retries, 1);
      const machine = await booting;
      t.is(machine.attempts, 2);
      await machine.kill();
    }
  }
  t.deepEqual(qemus(), []);
});

test('if QEMU is killed before anything runs, the end is reported', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const machine = await boot(t, kernel);
  process.kill(machine.pid, 'SIGKILL');
  t.deepEqual(await machine.ended, { code: null, signal: 'SIGKILL', stderr: '' });
  const { session } = startScript(machine, 'true');
  t.like((await session.ended).lost, { qemu: '' });
});

for (const [title, when, stop] of [
  ['while it boots', /^booting/m, false],
  ['while a program runs', /^started$/m, false],
  // While stopped, it cannot notice by itself that its runner is gone.
  ['while it is stopped', /^started$/m, true],
] as const) {
  test(`QEMU dies with its runner: ${title}`, async (t) => {
    if ((await kernelFor(t)) === null) return;
    const log = join(makeFolder(t), 'log');
    const [program = '', ...words] = inMachineWords(log, 'sleep 1000');
    const runner = spawn(program, words, { stdio: 'ignore' });
    const pid = runner.pid ?? 0;
    t.teardown(() => runner.kill('SIGKILL'));
    await until(() => when.test(readOrEmpty(log)) && qemus(pid).length === 1, 'it is so far');
    const [qemu = 0] = qemus(pid);
    t.teardown(() => {
      if (isAlive(qemu)) process.kill(qemu, 'SIGKILL');
    });
    if (stop) process.kill(qemu, 'SIGSTOP');
    runner.kill('SIGKILL');
    await t.notThrowsAsync(until(() => !isAlive(qemu), 'QEMU is gone', 10_000));
  });
}
