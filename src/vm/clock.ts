/** The rate of this machine's time-stamp counter, by which an emulated guest tells the time. */

import { readFileSync } from 'node:fs';

/**
 * kHz, or null where it is not known (not x86). An emulated guest reads the host's own counter, and cannot find out the
 * rate reliably: it would have to calibrate against a timer that is emulated too.
 */
export function readTscKhz(files: ClockFiles = machineFiles): number | null {
  return fromSysfs(files.frequency()) ?? fromCpuinfo(files.cpuinfo());
}

export type ClockFiles = Readonly<{ cpuinfo: () => string; frequency: () => string }>;

const machineFiles: ClockFiles = {
  cpuinfo: () => read('/proc/cpuinfo'),
  /** Made by a module that some machines have. */
  frequency: () => read('/sys/devices/system/cpu/cpu0/tsc_freq_khz'),
};

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function fromSysfs(text: string): number | null {
  const khz = Number(text.trim());
  return khz > 0 ? khz : null;
}

/**
 * `bogomips` is twice the rate at which the kernel waits, and where the counter is constant it waits by the counter:
 * exact to 5 kHz. `cpu MHz` is the clock of the moment on most machines, and only the last resort.
 */
function fromCpuinfo(text: string): number | null {
  const flags = /^flags\s*:(.*)$/m.exec(text)?.[1]?.split(/\s+/) ?? [];
  if (!flags.includes('tsc')) return null;
  const number = (name: string): number => Number(new RegExp(`^${name}\\s*: *([0-9.]+)`, 'm').exec(text)?.[1] ?? 0);
  const khz = flags.includes('constant_tsc') ? number('bogomips') * 500 : 0;
  return Math.round(khz || number('cpu MHz') * 1000) || null;
}
