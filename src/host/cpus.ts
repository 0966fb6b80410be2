import { readFileSync } from 'node:fs';
import { SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';

const ONLINE = '/sys/devices/system/cpu/online';
// Above any kernel's CONFIG_NR_CPUS; prevents `0-99999999999` from being expanded.
const MOST = 65_536;

/**
 * Sorted CPU numbers from `0,2-3` (cpuset(7), list format) or an array; each must be online. A cpuset may still forbid
 * one: sched_setaffinity(2) reports this at launch. @throws SetupError `bad-cpus`.
 */
export function parseCpus(
  given: unknown,
  { name = 'cpus', online = onlineCpus }: { name?: string; online?: () => number[] } = {},
): number[] {
  const cpus = Array.isArray(given) ? given : typeof given === 'string' ? parseCpuList(given) : null;
  if (cpus === null || cpus.length === 0 || !cpus.every((cpu) => Number.isSafeInteger(cpu) && cpu >= 0)) {
    throw new SetupError(
      'bad-cpus',
      `${name}: ${quote(given)} is not a list of CPUs`,
      'use numbers and ranges, such as 0 or 0,2-3',
    );
  }
  const there = online();
  const absent = cpus.find((cpu) => !there.includes(cpu));
  if (absent !== undefined) {
    throw new SetupError('bad-cpus', `${name}: CPU ${absent} is not online`, `use one of ${there.join(', ')}`);
  }
  return [...new Set(cpus)].sort((a, b) => a - b);
}

/** `0,2-3` → [0, 2, 3]; null if it is not such a list. */
export function parseCpuList(text: string): number[] | null {
  const cpus: number[] = [];
  for (const part of text.split(',')) {
    const match = /^([0-9]{1,6})(?:-([0-9]{1,6}))?$/.exec(part);
    if (match === null) return null;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (to < from || to >= MOST) return null;
    for (let cpu = from; cpu <= to; cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** The CPUs that are online. @throws SetupError `bad-cpus` where the kernel does not tell. */
export function onlineCpus(): number[] {
  try {
    const cpus = parseCpuList(readFileSync(ONLINE, 'utf8').trim());
    if (cpus !== null) return cpus;
  } catch {
    // Reported below: whatever the reason, the requested CPUs cannot be checked.
  }
  throw new SetupError(
    'bad-cpus',
    `CPUs cannot be chosen: ${ONLINE} could not be read`,
    'mount /sys, or do not choose CPUs',
  );
}
