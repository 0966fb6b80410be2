import { readFileSync } from 'node:fs';

/** The text of a file, by default of /proc, /sys or a cgroup; null if it cannot be read. */
export function readOrNull(path: string, encoding: 'latin1' | 'utf8' = 'latin1'): string | null {
  try {
    return readFileSync(path, encoding);
  } catch {
    return null;
  }
}
