/** How a run's directories are told from others. */

const PREFIX = 'kmem-run.';
const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** `kmem-run.<id>`. Throws RangeError for an id that could not be told again from a directory's name. */
export function groupName(id: string): string {
  if (!ID.test(id)) throw new RangeError(`not an id of a run: ${JSON.stringify(id)}`);
  return PREFIX + id;
}

/** The run's id; null if that is not the name of a run's directory. */
export function idOf(name: string): string | null {
  const id = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '';
  return ID.test(id) ? id : null;
}

/** Unlikely to be taken; the lock file, made exclusively, tells. node:crypto would take 3 ms to load. */
export function newId(): string {
  return Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
}
