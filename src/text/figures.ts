/** Figures for people. Imports no other module, so that a page in a browser prints them the same way. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** For people: `2.52 MiB`; at most two decimals, so not always exact. */
export function formatSize(bytes: number): string {
  let value = Math.abs(bytes);
  let unit = 0;
  // 1023.996 would print as 1024: the next unit is clearer.
  while (unit < UNITS.length - 1 && Math.round(value * 100) / 100 >= 1024) {
    value /= 1024;
    unit += 1;
  }
  return `${bytes < 0 ? '-' : ''}${Math.round(value * 100) / 100} ${UNITS[unit]}`;
}

/** `2637824` → `2,637,824`. */
export function groupDigits(count: number): string {
  return String(count).replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ',');
}

export const NOT_READ = 'not read';

/** `2.5 MiB (2,621,440)`: readable and exact. */
export function size(bytes: number | null): string {
  if (bytes === null) return NOT_READ;
  if (bytes === 0) return '0';
  return bytes < 1024 ? counted(bytes, 'byte') : `${formatSize(bytes)} (${groupDigits(bytes)})`;
}

export function shortSize(bytes: number | null): string {
  return bytes === null ? NOT_READ : formatSize(bytes);
}

export function number(value: number | null): string {
  return value === null ? NOT_READ : groupDigits(value);
}

export function duration(ms: number | null): string {
  return ms === null ? NOT_READ : formatDuration(ms);
}

/** `3 processes`, `1 process`. */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${groupDigits(count)} ${count === 1 ? singular : plural}`;
}

export function ending({ code, signal }: Readonly<{ code: number | null; signal: string | null }>): string {
  if (signal !== null) return signal;
  return code === null ? 'no end seen' : `exit ${code}`;
}

/** For people: `412.1 ms`, `1.5 s`, `2 min 3 s`, `1 h 5 min`. */
export function formatDuration(ms: number): string {
  const sign = ms < 0 ? '-' : '';
  const length = Math.abs(ms);
  if (Math.round(length * 10) < 10_000) return `${sign}${Math.round(length * 10) / 10} ms`;
  if (Math.round(length / 10) < 6000) return `${sign}${Math.round(length / 10) / 100} s`;
  const seconds = Math.round(length / 1000);
  if (seconds < 3600) return `${sign}${pair(Math.floor(seconds / 60), 'min', seconds % 60, 's')}`;
  const minutes = Math.round(length / 60_000);
  return `${sign}${pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min')}`;
}

function pair(high: number, highUnit: string, low: number, lowUnit: string): string {
  return low === 0 ? `${high} ${highUnit}` : `${high} ${highUnit} ${low} ${lowUnit}`;
}

/** `2.5 MiB` if that is exact, otherwise `2,637,824`: a limit that cannot be copied is useless. */
export function exactSize(bytes: number): string {
  const short = formatSize(bytes);
  const [value = '', unit = ''] = short.split(' ');
  const power = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'].indexOf(unit);
  return Number(value) * 1024 ** power === bytes ? short : groupDigits(bytes);
}
