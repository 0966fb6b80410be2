/**
 * The user's terminal while a program in the guest uses it. In raw mode every key goes to the guest, whose own terminal
 * edits lines and turns Ctrl-C into a signal. It is read only in the foreground; otherwise the shell owns it.
 */

import { spawnSync } from 'node:child_process';
import { fstatSync, readFileSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { chunksOf } from './descriptor.ts';

const LOOK_EVERY_MS = 200;
const DEV_TTY = 0x500;

export type Terminal = Readonly<{
  isRaw: boolean;
  /** Null after a hang-up. Waits while we are in the background. */
  read: () => Promise<Buffer | null>;
  /** Takes it over if we are in the foreground; also called after a stop, since the shell used it in between. */
  take: () => void;
  /** Restores and releases it. */
  release: () => void;
  /** Releases it for good. */
  close: () => void;
}>;

type Reader = Readonly<{ stream: ReadStream; next: () => Promise<Buffer | null> }>;

/**
 * `raw`: for a program with a terminal in the guest; otherwise the host's terminal edits lines, which are only read.
 */
export function openTerminal(fd: number, { raw }: { raw: boolean }): Terminal {
  const modes = raw ? switchModes(fd) : null;
  const readAhead: Buffer[] = [];
  let reader: Reader | null = null;
  let closed = false;
  let wake = (): void => {};
  let timer: NodeJS.Timeout | null = null;

  // A paused stream still has a read pending, which in the background takes the shell's keys or stops us.
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
      // A release in between ended it.
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
 * Uses stty, since Node's raw mode still turns an output newline into two characters; the guest's terminal has already
 * done so where it is wanted: full-screen programs move down by a bare newline. However we end, except by SIGKILL, Node
 * restores the terminal to its state at our start.
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

/** Also true if the terminal is not our controlling terminal: it then has no job control. */
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
