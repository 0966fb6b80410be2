/**
 * Twelve hexadecimal digits, unlikely to be taken: whoever creates something of that name creates it exclusively. Not a
 * secret. Loading node:crypto would cost 5 ms per start.
 */
export function newId(): string {
  return Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
}
