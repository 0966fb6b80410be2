/** A program in the guest on the user's terminal: `script` provides the terminal, and an interactive bash the jobs. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type ExecutionContext } from 'ava';
import { findProgram } from '../../src/host/programs.ts';
import { needs } from '../needs.ts';
import { readOrEmpty } from '../processes.ts';
import { inMachineWords, isAlive, kernelFor, makeFolder, until } from './machines.ts';
import { openShell, type Shell } from './shell.ts';

const test = anyTest.serial;

type Guest = Readonly<{
  shell: Shell;
  folder: string;
  /** The command line that runs a script in a microVM. */
  line: (script: string) => string;
  notes: () => string;
  /** Resolves when a program is running in the guest and this many have run before. */
  started: (times?: number) => Promise<void>;
  qemuState: () => string;
}>;

async function openGuest(t: ExecutionContext): Promise<Guest | null> {
  if (!needs(t, findProgram('script') !== null, 'util-linux') || (await kernelFor(t)) === null) return null;
  const folder = makeFolder(t);
  const log = join(folder, 'log');
  const notes = (): string => readOrEmpty(log);
  const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
  return {
    shell: await openShell(t, folder),
    folder,
    line: (script) => inMachineWords(log, script).map(quoted).join(' '),
    notes,
    started: (times = 1) => until(() => (notes().match(/^started$/gm) ?? []).length === times, 'the program runs'),
    qemuState: () => {
      const pid = /^qemu (\d+)$/m.exec(notes())?.[1];
      return /^State:\s+(\S)/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? '';
    },
  };
}

test('an interactive shell supports line editing, Ctrl-C and resizing, and the terminal is restored', async (t) => {
  const guest = await openGuest(t);
  if (guest === null) return;
  const { shell } = guest;
  const before = await shell.settings();
  shell.type(`${guest.line("PS1='in''ner> ' exec bash --norc --noprofile -i")}\n`);
  await guest.started();
  await shell.see(/inner> $/);
  t.true(shell.isRaw());
  shell.type('stty size\n');
  t.is((await shell.see(/\r\n(?:.\[\?2004l\r?)?(\d+ \d+)\r\n/))[1], '33 99');
  // Left, left, backspace: the guest's shell edits the line.
  shell.type('echo wor-ld | tr a-z A-Z\x1b[D');
  shell.type('\x01\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\b\n');
  await shell.see(/WORLD\r\n/);
  shell.type('sleep 1000\n');
  await sleep(500);
  shell.type('\x03');
  await shell.see(/\^C/);
  await shell.see(/inner> $/);
  shell.resize(44, 111);
  shell.type('sleep 0.5; stty size\n');
  await shell.see(/44 111\r\n/);
  shell.type('test -t 0 && test -t 1 && test -t 2 && tty\n');
  await shell.see(/\/dev\/pts\/\d+\r\n/);
  shell.type('exit 5\n');
  await shell.see(/outer\$ $/);
  t.is((await shell.run('echo $?')).trim(), '5');
  t.is(await shell.settings(), before);
  t.regex(guest.notes(), /^end \{"code":5,"signal":null,"lost":null,"error":null\}$/m);
});

test('Ctrl-Z stops the program, QEMU and kmem-run; fg resumes them', async (t) => {
  const guest = await openGuest(t);
  if (guest === null) return;
  const { shell } = guest;
  const before = await shell.settings();
  shell.type(`${guest.line('echo rea""dy; exec cat')}\n`);
  await shell.see(/ready\r\n/);
  for (const words of ['one', 'two']) {
    shell.type(`${words}\n`);
    await shell.see(new RegExp(`${words}\r\n${words}\r\n`));
    shell.type('\x1a');
    await shell.see(/Stopped/);
    await shell.see(/outer\$ $/);
    await until(() => guest.qemuState() === 'T', 'QEMU stops');
    t.is(await shell.settings(), before);
    t.is((await shell.run('echo $((6 * 7))')).trim(), '42');
    shell.type('fg\n');
    await until(shell.isRaw, 'it has the terminal again');
  }
  await until(() => guest.qemuState() !== 'T', 'QEMU goes on');
  shell.type('\x04');
  await shell.see(/outer\$ $/);
  t.is((await shell.run('echo $?')).trim(), '0');
  t.is(await shell.settings(), before);
});

test('in the background, the terminal is left alone until fg', async (t) => {
  const guest = await openGuest(t);
  if (guest === null) return;
  const { shell } = guest;
  const before = await shell.settings();
  shell.type(`${guest.line('echo "from the guest"; read line; echo "read $line"')} &\n`);
  await shell.see(/from the guest/);
  await guest.started();
  t.false(shell.isRaw());
  shell.type('echo $((6 * 7))\n');
  await shell.see(/42\r\nouter\$ $/);
  t.regex(await shell.run('jobs'), /Running/);
  shell.type('fg\n');
  await until(shell.isRaw, 'it has the terminal');
  shell.type('words\n');
  await shell.see(/read words\r\n/);
  await shell.see(/outer\$ $/);
  t.is(await shell.settings(), before);
});

test('stopped from elsewhere, it resumes in the background, and takes the terminal in the foreground', async (t) => {
  const guest = await openGuest(t);
  if (guest === null) return;
  const { shell } = guest;
  const before = await shell.settings();
  shell.type(`${guest.line('echo rea""dy; exec cat')}\n`);
  await shell.see(/ready\r\n/);
  await until(shell.isRaw, 'it has the terminal');
  process.kill(Number(/^runner (\d+)$/m.exec(guest.notes())?.[1]), 'SIGSTOP');
  await shell.see(/Stopped/);
  await shell.see(/outer\$ $/);
  t.is(await shell.settings(), before);
  await shell.run('bg');
  await sleep(500);
  t.regex(await shell.run('jobs'), /Running/);
  t.is(await shell.settings(), before);
  shell.type('fg\n');
  await until(shell.isRaw, 'it has the terminal again');
  shell.type('words\n');
  await shell.see(/words\r\nwords\r\n/);
  shell.type('\x04');
  await shell.see(/outer\$ $/);
  t.is(await shell.settings(), before);
});

test('with output to a file, the terminal is left alone, and Ctrl-Z and Ctrl-C act on kmem-run', async (t) => {
  const guest = await openGuest(t);
  if (guest === null) return;
  const { shell, folder } = guest;
  const before = await shell.settings();
  const script = 'test -t 0 || echo no terminal; read line; echo "read $line"; while :; do echo .; sleep 0.2; done';
  const out = (): string => readFileSync(join(folder, 'out'), 'utf8');
  shell.type(`${guest.line(script)} > out\n`);
  await guest.started();
  t.false(shell.isRaw());
  shell.type('words\n');
  await until(() => /^no terminal\nread words\n\./.test(out()), 'the line arrives');
  shell.type('\x1a');
  await shell.see(/Stopped/);
  await shell.see(/outer\$ $/);
  await until(() => guest.qemuState() === 'T', 'QEMU stops');
  const stoppedAt = out();
  shell.type('fg\n');
  await until(() => out() !== stoppedAt, 'it goes on');
  await until(() => guest.qemuState() !== 'T', 'QEMU goes on');
  shell.type('\x03');
  await shell.see(/outer\$ $/);
  const pid = Number(/^qemu (\d+)$/m.exec(guest.notes())?.[1]);
  await until(() => !isAlive(pid), 'QEMU is gone');
  t.is(await shell.settings(), before);
});

test('the terminal is restored if kmem-run is killed by a signal it does not handle', async (t) => {
  const guest = await openGuest(t);
  if (guest === null) return;
  const { shell } = guest;
  const before = await shell.settings();
  shell.type(`${guest.line('echo rea""dy; exec cat')}\n`);
  await shell.see(/ready\r\n/);
  await until(shell.isRaw, 'it has the terminal');
  process.kill(Number(/^runner (\d+)$/m.exec(guest.notes())?.[1]), 'SIGTERM');
  await shell.see(/outer\$ $/);
  t.is(await shell.settings(), before);
});
