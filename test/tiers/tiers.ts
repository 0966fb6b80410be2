/** Which tests run when: the tiers of `npm test`, `npm run test:vm` and `npm run test:soak`. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const TIERS = ['fast', 'vm', 'soak'] as const;
export type Tier = (typeof TIERS)[number];

export const root = join(import.meta.dirname, '..', '..');

/** Test files of a tier: several at a time, or one after the other with nothing else running. */
export type Batch = Readonly<{ files: readonly string[]; concurrency: number }>;

/** They boot microVMs: one or more for most tests. */
const IN_MICROVMS = ['test/vm/', 'test/experiment/fidelity/machine'];
/** In test/vm/, but they boot nothing. */
const BOOT_NOTHING = ['accel', 'clock', 'cpio', 'initramfs', 'own-time', 'wire'].map((name) => `test/vm/${name}`);

/**
 * They boot nothing, but take too long for every `npm test`: kernels from Debian and from a mirror, sanitizers, storms,
 * chaos, the library's servers, a browser, whole tables of objects, installations.
 */
const BESIDE_MICROVMS = [
  'test/kernels/debian',
  'test/kernels/mirror',
  'test/kernels/native',
  'test/commands/kernel',
  'test/native/sanitized',
  'test/native/fuzz',
  'test/report/html/page',
  'test/report/html/profile',
  'test/scenario/library',
  'test/gate/rows',
  'test/gate/stress',
  'test/gate/signals',
  'test/gate/forks',
  'test/gate/no-harm',
  'test/package',
  'test/run/npx',
  'test/run/storm',
  'test/bench/on-fault',
  'test/chaos/chaos',
];

/** Anything running in parallel disturbs their measurements or the servers that they watch. */
const ALONE = ['test/run/determinism', 'test/run/overshoot', 'test/scenario/library', 'test/gate/stress'];

/** They have a long form, for a soak (test/needs.ts); the tiers above run the short one. */
const SOAKED = [
  'test/gate/stress',
  'test/experiment/fidelity/machine',
  'test/chaos/chaos',
  'test/vm/v2-suite',
  'test/native/fuzz',
];

/**
 * The longest, in descending order: started early, none of them runs on alone at the end. The order is roughly that of
 * `npm run test:times`; files that take less than 20 s need not be listed.
 */
export const LONG: readonly string[] = [
  'test/experiment/fidelity/machine',
  'test/chaos/chaos',
  'test/vm/v2-suite',
  'test/vm/run',
  'test/vm/systemd',
  'test/vm/v2-run',
  'test/vm/v2-cgroup',
  'test/vm/native-module',
  'test/vm/session',
  'test/vm/agent',
  'test/vm/v2-fresh',
  'test/vm/contained',
  'test/vm/native',
  'test/vm/machine',
  'test/native/sanitized',
  'test/kernels/debian',
  'test/gate/rows',
  'test/gate/signals',
  'test/commands/kernel',
  'test/kernels/mirror',
  'test/kernels/native',
  'test/native/fuzz',
  'test/gate/forks',
  'test/report/html/page',
  'test/run/npx',
  'test/package',
  'test/run/owned',
  'test/commands/explore',
  'test/gate/at-the-limit',
  'test/commands/baseline',
  'test/commands/scenario',
  'test/commands/bisect-apache',
  'test/commands/scenario-experiments',
  'test/commands/replay',
  'test/run/killed',
  'test/run/bad-input',
  'test/commands/completion',
  'test/commands/sweep',
  'test/commands/settings',
  'test/commands/bisect',
  'test/commands/help',
  'test/library/library',
  'test/native/unit',
  'test/run/options',
  'test/serve/browser',
].map((name) => `${name}.test.ts`);

function isOneOf(file: string, parts: readonly string[]): boolean {
  return parts.some((part) => file.startsWith(part));
}

export function tierOf(file: string): Exclude<Tier, 'soak'> {
  if (isOneOf(file, BESIDE_MICROVMS)) return 'vm';
  return isOneOf(file, IN_MICROVMS) && !isOneOf(file, BOOT_NOTHING) ? 'vm' : 'fast';
}

/** Batches and the files of each are in the order in which they run. */
export function batchesOf(tier: Tier, cpus: number, files: readonly string[] = testFiles()): Batch[] {
  if (tier === 'soak') return [{ files: files.filter((file) => isOneOf(file, SOAKED)), concurrency: 1 }];
  const own = longestFirst(files.filter((file) => tierOf(file) === tier));
  // A microVM has one CPU, and its tests wait for about half of their time; others wait for about 65 %.
  const concurrency = tier === 'vm' ? cpus + 1 : 3 * cpus;
  return [
    { files: own.filter((file) => !isOneOf(file, ALONE)), concurrency },
    { files: own.filter((file) => isOneOf(file, ALONE)), concurrency: 1 },
  ];
}

function longestFirst(files: readonly string[]): string[] {
  const long = LONG.filter((file) => files.includes(file));
  return [...long, ...files.filter((file) => !long.includes(file))];
}

/** Relative to the root, sorted. */
export function testFiles(): string[] {
  const folder = join(root, 'test');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => relative(root, join(folder, name)))
    .toSorted();
}

/** The time that a file took, in seconds; `cpu`: of its process and all that it waited for. */
export type Times = Readonly<{ wall: number; cpu: number }>;

/** As recorded by test/tiers/times.js. */
export function readTimes(file: string): Map<string, Times> {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const [name, wall, cpu] = JSON.parse(line) as [string, number, number];
      return [name, { wall, cpu }];
    }),
  );
}
