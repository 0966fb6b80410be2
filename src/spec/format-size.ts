/** Figures for people. Of no other module, so that a page in a browser says them the same way. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** For people: `2.52 MiB`; at most two decimals, so not always exact. */
export function formatSize(bytes: number): string {
  let value = Math.abs(bytes);
  let unit = 0;
  // 1023.996 would print as 1024: the next unit says it better.
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
