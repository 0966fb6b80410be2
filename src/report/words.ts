/** How the text report says figures: never a 0 for what is not known. */

import type { Exit, Result } from '../result/schema.ts';
import { formatDuration } from '../spec/duration.ts';
import { formatSize, groupDigits } from '../spec/format-size.ts';

export const notRead = 'not read';

/** `2.5 MiB (2,621,440)`: readable and exact. */
export function size(bytes: number | null): string {
  if (bytes === null) return notRead;
  if (bytes === 0) return '0';
  return bytes < 1024 ? `${bytes} bytes` : `${formatSize(bytes)} (${groupDigits(bytes)})`;
}

export function shortSize(bytes: number | null): string {
  return bytes === null ? notRead : formatSize(bytes);
}

export function number(value: number | null): string {
  return value === null ? notRead : groupDigits(value);
}

export function duration(ms: number | null): string {
  return ms === null ? notRead : formatDuration(ms);
}

/** `3 processes`, `1 process`. */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${groupDigits(count)} ${count === 1 ? singular : plural}`;
}

/** ` of 4 MiB, then 1 MiB` where steps changed it; empty: there never was one. */
export function ofLimit(
  { limits, steps }: Pick<Result, 'limits' | 'steps'>,
  key: 'kmem' | 'mem' | 'memsw' | 'kmemTcp' | 'pids',
  say: (amount: number) => string,
): string {
  // A result that was kept before steps told of limits has none of them.
  const later = steps.flatMap(({ kind, limits: left }) => (kind === 'limits' && left ? [left[key]] : []));
  const inForce = [limits[key], ...later].filter((limit, index, all) => index === 0 || limit !== all[index - 1]);
  if (inForce.every((limit) => limit === null)) return '';
  return ` of ${inForce.map((limit) => (limit === null ? 'no limit' : say(limit))).join(', then ')}`;
}

export function ending({ code, signal }: Exit): string {
  if (signal !== null) return signal;
  return code === null ? 'no end seen' : `exit ${code}`;
}
