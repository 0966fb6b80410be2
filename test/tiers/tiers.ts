/** Which tests run when: the tiers of `npm test`, `npm run test:vm` and `npm run test:soak`. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const TIERS = ['fast', 'vm', 'soak'] as const;
export type Tier = (typeof TIERS)[number];

export const root = join(import.meta.dirname, '..', '..');

/** Test files of some tier: several at a time, or one after the other when nothing else runs. */
export type Batch = Readonly<{ files: readonly string[]; concurrency: number }>;

/** They boot microVMs: one or more for most tests. */
const IN_MICROVMS = ['test/vm/', 'test/experiment/fidelity/machine'];
/** In test/vm/, but they boot nothing. */
const BOOT_NOTHING = ['accel', 'clock', 'cpio', 'initramfs', 'own-time', 'wire'].map((name) => `test/vm/${name}`);

/** What they measure is disturbed by anything beside them. */
const ALONE = ['test/run/determinism', 'test/run/overshoot', 'test/bench'];

/** They have a long form, for a soak (test/needs.ts); the tiers above run the short one. */
const SOAKED = ['test/gate/stress', 'test/experiment/fidelity/machine', 'test/vm/v2-suite'];

function isOneOf(file: string, parts: readonly string[]): boolean {
  return parts.some((part) => file.startsWith(part));
}

export function tierOf(file: string): Exclude<Tier, 'soak'> {
  return isOneOf(file, IN_MICROVMS) && !isOneOf(file, BOOT_NOTHING) ? 'vm' : 'fast';
}

/** In the order in which they run. */
export function batchesOf(tier: Tier, cpus: number, files: readonly string[] = testFiles()): Batch[] {
  if (tier === 'soak') return [{ files: files.filter((file) => isOneOf(file, SOAKED)), concurrency: 1 }];
  const own = files.filter((file) => tierOf(file) === tier);
  // A microVM has one CPU.
  if (tier === 'vm') return [{ files: own, concurrency: cpus }];
  // Many wait for what they have started: one more than there are CPUs keeps these busy.
  return [
    { files: own.filter((file) => !isOneOf(file, ALONE)), concurrency: cpus + 1 },
    { files: own.filter((file) => isOneOf(file, ALONE)), concurrency: 1 },
  ];
}

/** Relative to the root, sorted. */
export function testFiles(): string[] {
  const folder = join(root, 'test');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => relative(root, join(folder, name)))
    .toSorted();
}

/** Seconds that each file took, as test/tiers/times.js wrote them down. */
export function readTimes(file: string): Map<string, number> {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line) as [string, number]));
}
