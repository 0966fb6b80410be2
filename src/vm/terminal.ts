/**
 * The user's terminal, while a program in the guest has it. Raw, every key goes to the guest, whose own terminal edits
 * lines and turns Ctrl-C into a signal. It is read only in the foreground: else it is the shell's.
 */

import { spawnSync } from 'node:child_process';
import { fstatSync, readFileSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { chunksOf } from './descriptor.ts';

const LOOK_EVERY_MS = 200;
const DEV_TTY = 0x500;

export type Terminal = Readonly<{
  isRaw: boolean;
  /** Null: it was hung up. Waits while we are in the background. */
  read: () => Promise<Buffer | null>;
  /** Takes it over as far as we are in the foreground; also after we were stopped, since the shell had it in between. */
  take: () => void;
  /** Gives it back as it was. */
  release: () => void;
  /** Gives it back for good. */
  close: () => void;
}>;

type Reader = Readonly<{ stream: ReadStream; next: () => Promise<Buffer | null> }>;

/** `raw`: for a program that has a terminal in the guest; else lines are edited out here, and only read. */
export function openTerminal(fd: number, { raw }: { raw: boolean }): Terminal {
  const modes = raw ? switchModes(fd) : null;
  const readAhead: Buffer[] = [];
  let reader: Reader | null = null;
  let closed = false;
  let wake = (): void => {};
  let timer: NodeJS.Timeout | null = null;

  // A stream that is only paused has a read under way, which in the background takes the shell's keys, or stops us.
  const release = (): void => {
    if (timer !== null) clearTimeout(timer);
    if (reader === null) return;
    const rest = reader.stream.read() as Buffer | null;
    if (rest !== null) readAhead.push(rest);
    reader.stream.destroy();
    reader = null;
    if (isForeground(fd)) modes?.restore();
  };
  const take = (): void => {
    if (closed) return;
    release();
    if (!isForeground(fd)) {
      timer = setTimeout(take, LOOK_EVERY_MS).unref();
      return;
    }
    modes?.setRaw();
    const stream = new ReadStream(fd);
    reader = { stream, next: chunksOf(stream) };
    wake();
  };
  const read = async (): Promise<Buffer | null> => {
    while (!closed) {
      const rest = readAhead.shift();
      if (rest !== undefined) return rest;
      const before = reader;
      if (before === null) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const chunk = await before.next();
      // Released meanwhile, its end is ours.
      if (chunk !== null || before === reader) return chunk;
    }
    return null;
  };
  return {
    isRaw: raw,
    read,
    take,
    release,
    close: () => {
      if (closed) return;
      release();
      closed = true;
      wake();
    },
  };
}

/**
 * By stty, since Node's raw mode still turns a newline on its way out into two characters, which the guest's terminal has
 * done where it is to be done: full-screen programs move down by a bare newline. However we end, unless by SIGKILL, Node
 * puts the terminal back as it was at our start.
 */
function switchModes(fd: number): Readonly<{ setRaw: () => void; restore: () => void }> {
  let before: string | null = null;
  const stty = (...words: string[]): string =>
    spawnSync('stty', words, { stdio: [fd, 'pipe', 'ignore'], encoding: 'utf8' }).stdout ?? '';
  return {
    setRaw: () => {
      before ??= stty('-g').trim();
      stty('raw', '-echo', '-iexten');
    },
    restore: () => {
      if (before !== null && before !== '') stty(before);
    },
  };
}

/** Also where the terminal is not the one that controls us: then there is no job control on it. */
export function isForeground(fd: number): boolean {
  try {
    const text = readFileSync('/proc/self/stat', 'latin1');
    // proc_pid_stat(5): after the name come state, ppid, pgrp, session, tty_nr, tpgid.
    const [, , group, , terminal, foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const device = fstatSync(fd).rdev;
    if (device !== DEV_TTY && device !== Number(terminal)) return true;
    return foreground === '-1' || group === foreground;
  } catch {
    return true;
  }
}
