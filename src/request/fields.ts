/**
 * Readers of single values: each takes the input and its name, and returns the value for a RunSpec or throws
 * SetupError.
 */
import { statSync } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { absolute } from '../host/own-process.ts';
import { fsPath, hasBytes, isPassable } from '../text/bytes.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { parseAddress } from './address.ts';
import { type Duration, parseDuration } from './duration.ts';
import { outputFile } from './output-file.ts';
import type { RunSpec } from './run-spec.ts';
import { parseLimit, parseSize, type Size } from './size.ts';

export type Reader<T> = (value: unknown, name: string) => T;

// pids.max above PID_MAX_LIMIT is EINVAL (kernel/cgroup/pids.c).
const MOST_PIDS = 4_194_304;

export function orNull<T>(reader: Reader<T>): Reader<T | null> {
  return (value, name) => (value === null ? null : reader(value, name));
}

export const limit: Reader<number> = (value, name) => parseLimit(value as Size, { name });

export const size: Reader<number> = (value, name) => parseSize(value as Size, { name });

export const duration: Reader<number> = (value, name) => parseDuration(value as Duration, { name });

/** A duration that must not be zero; timeout(1) takes 0 as "never", which would silently disable the limit. */
export const positiveDuration: Reader<number> = (value, name) => {
  const ms = duration(value, name);
  if (ms > 0) return ms;
  throw new SetupError('bad-duration', `${name}: ${quote(value)} is too short`, 'use at least 1ms, or leave it out');
};

export const sample: Reader<number | null> = (value, name) =>
  value === null || value === 'off' ? null : positiveDuration(value, name);

export const boolean: Reader<boolean> = (value, name) => {
  if (typeof value === 'boolean') return value;
  throw badOption(`${name}: ${quote(value)} is neither true nor false`, 'use true or false');
};

/** A string that can be passed to a program, as the bytes it represents. */
function isWord(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0') && isPassable(value);
}

export const text: Reader<string> = (value, name) => {
  if (isWord(value) && value !== '') return value;
  throw badOption(
    `${name}: ${quote(value)} is not a usable string`,
    'use a string that is not empty and contains no NUL and no incomplete character',
  );
};

export const texts: Reader<string[]> = (value, name) => {
  if (!Array.isArray(value)) throw badOption(`${name}: ${quote(value)} is not an array of strings`, 'use an array');
  return value.map((item) => text(item, name));
};

/** Addresses of gated calls, as written. */
export const addresses: Reader<string[]> = (value, name) => {
  const given = texts(value, name);
  for (const address of given) parseAddress(address, { name });
  return given;
};

export function oneOf<T extends string>(choices: readonly T[]): Reader<T> {
  return (value, name) => {
    if ((choices as readonly unknown[]).includes(value)) return value as T;
    const all = `use one of ${choices.join(', ')}`;
    throw badOption(
      `${name}: ${quote(value)} is not one of ${choices.join(', ')}`,
      typeof value === 'string' ? didYouMean(value, choices, all) : all,
    );
  };
}

export const command: Reader<string[]> = (value) => {
  if (!Array.isArray(value) || value.length === 0) {
    throw new SetupError('no-command', 'no command to run', 'name the program to run and its arguments');
  }
  for (const [index, argument] of value.entries()) {
    if (!isWord(argument) || (index === 0 && argument === '')) {
      const hint = 'use strings without NUL and incomplete characters, and a program name that is not empty';
      throw new SetupError(
        'bad-command',
        `argument ${index} of the command cannot be passed on: ${quote(argument)}`,
        hint,
      );
    }
  }
  return [...value];
};

export const pids: Reader<number> = (value, name) => {
  const count = typeof value === 'string' && /^[0-9]{1,9}$/.test(value) ? Number(value) : value;
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MOST_PIDS) return count;
  const hint = `use a whole number from 1 to ${MOST_PIDS}, or leave it out for no limit`;
  throw new SetupError('bad-pids', `${name}: ${quote(value)} is not a number of processes`, hint);
};

export const user: Reader<string> = (value, name) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? String(value) : text(value, name);

export const seed: Reader<number> = (value, name) => {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw badOption(`${name}: ${quote(value)} is not a seed`, 'use a whole number of at least 0');
};

export const environment: Reader<Readonly<Record<string, string>>> = (value, name) => {
  const hint =
    'use names that are not empty and contain no "=", and strings as values, all without NUL and incomplete characters';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SetupError('bad-env', `${name}: ${quote(value)} is not an object of variables`, hint);
  }
  for (const [variable, content] of Object.entries(value)) {
    const named = /^[^=\0]+$/.test(variable) && isPassable(variable);
    if (!named) throw new SetupError('bad-env', `${name}: ${quote(variable)} is not a valid variable name`, hint);
    if (isWord(content)) continue;
    throw new SetupError('bad-env', `${name}: the value of ${variable} cannot be passed on`, hint);
  }
  return { ...value };
};

export const folder: Reader<string> = (value, name) =>
  existingFolder(text(value, name), name, 'bad-cwd', 'cannot be the working directory');

function existingFolder(given: string, name: string, code: string, refusal: string): string {
  const path = absolute(given);
  let reason = 'it is not a folder';
  try {
    if (statSync(fsPath(path)).isDirectory()) return path;
  } catch (error) {
    reason = errnoOf(error) === 'ENOENT' ? 'it does not exist' : String(errnoOf(error));
  }
  throw new SetupError(code, `${name}: ${quote(path)} ${refusal}: ${reason}`, 'name an existing folder');
}

const MIB = 2 ** 20;
// With less, the runner inside cannot start.
const LEAST_VM_MEMORY = 256 * MIB;
const MOST_VM_CPUS = 64;

/** Whole MiB, as QEMU accepts them. */
export const vmMemory: Reader<number> = (value, name) => {
  const bytes = Math.floor(size(value, name) / MIB) * MIB;
  if (bytes >= LEAST_VM_MEMORY) return bytes;
  throw new SetupError(
    'bad-vm-memory',
    `${name}: ${quote(value)} is too little memory for a microVM`,
    'use at least 256M',
  );
};

export const vmCpus: Reader<number> = (value, name) => {
  const count = typeof value === 'string' && /^[0-9]{1,3}$/.test(value) ? Number(value) : value;
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MOST_VM_CPUS) return count;
  const hint = `use a whole number from 1 to ${MOST_VM_CPUS}`;
  throw new SetupError('bad-vm-cpus', `${name}: ${quote(value)} is not a number of CPUs`, hint);
};

/** Existing folders, each once. */
export const folders: Reader<string[]> = (value, name) => {
  const paths = texts(value, name).map((path) => existingFolder(path, name, 'bad-folder', 'cannot be shared'));
  const odd = paths.find(hasBytes);
  if (odd !== undefined) {
    const reason = `${name}: ${quote(odd)} cannot be shared: its name is not UTF-8, which QEMU requires`;
    throw new SetupError('bad-folder', reason, 'make a link to it with a name in UTF-8');
  }
  return [...new Set(paths)];
};

export const output: Reader<RunSpec['output']> = (value, name) => {
  if (value === 'inherit' || value === 'null') return value;
  if (typeof value === 'object' && value !== null && 'file' in value) return { file: outputFile(value.file, { name }) };
  throw badOption(`${name}: ${quote(value)} is not an output`, "use 'inherit', 'null' or { file: 'path' }");
};

function badOption(message: string, hint: string): SetupError {
  return new SetupError('bad-option', message, hint);
}
