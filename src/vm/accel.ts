/**
 * Whether guests may use the processor's own virtualisation. The existence of /dev/kvm does not prove it: on some
 * clouds a guest hangs in it. So the first boot under KVM is a trial, whose result is remembered.
 */

import { closeSync, openSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { findCacheFolder, readPrivateFile } from '../../bin/cache-folder.js';
import { keepFile } from '../host/keep-file.ts';
import { fileIdentity } from './file-identity.ts';

export const KVM_DEVICE = '/dev/kvm';
const FILE = 'kvm.json';
const KEPT_ANSWERS = 64;

/** `works`, `fails`: as remembered; `unknown`: to be tried; `absent`: not available to this user. */
export type KvmAnswer = 'works' | 'fails' | 'unknown' | 'absent';

export type KvmMemory = Readonly<{
  answer: () => KvmAnswer;
  /** Null: forget it, so that it is retried. */
  remember: (works: boolean | null) => void;
}>;

/**
 * What is known about guests of this kernel under this QEMU and the running host's kernel. `folder` is for tests;
 * without a private cache folder nothing is remembered.
 */
export function kvmMemory(options: { qemu: string; image: string; device: string; folder?: string }): KvmMemory {
  const { qemu, image, device, folder = findCacheFolder().folder } = options;
  const file = folder === null ? null : join(folder, FILE);
  const key = [release(), fileIdentity(qemu, image)].join(' ');
  return {
    answer: () => {
      if (!canOpen(device)) return 'absent';
      const works = file === null ? undefined : readAnswers(file)[key];
      return works === undefined ? 'unknown' : works ? 'works' : 'fails';
    },
    remember: (works) => {
      if (file === null) return;
      const { [key]: _, ...others } = readAnswers(file);
      const kept = Object.entries(others).slice(1 - KEPT_ANSWERS);
      remember(file, Object.fromEntries(works === null ? kept : [...kept, [key, works]]));
    },
  };
}

function canOpen(device: string): boolean {
  try {
    closeSync(openSync(device, 'r+'));
    return true;
  } catch {
    return false;
  }
}

type Answers = Readonly<Record<string, boolean>>;

function readAnswers(file: string): Answers {
  try {
    const value: unknown = JSON.parse(readPrivateFile(file)?.toString() ?? '{}');
    const entries = Object.entries(value ?? {}).filter(([, works]) => typeof works === 'boolean');
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

/** If the answer cannot be saved, the next run tries again. */
function remember(file: string, answers: Answers): void {
  try {
    keepFile(file, JSON.stringify(answers));
  } catch {
    // The folder is not writable.
  }
}
