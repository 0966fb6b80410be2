/**
 * Twelve hexadecimal digits, unlikely to be taken: whoever makes something of that name makes it exclusively. No secret.
 * node:crypto would take 5 ms of each start to load.
 */
export function newId(): string {
  return Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
}
