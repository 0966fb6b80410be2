import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** Writes a file of kmem-run's own, whole or not at all: another kmem-run may be reading it, or writing it too. */
export function keepFile(file: string, data: string | Uint8Array): void {
  // A pid alone may be another container's too.
  const temporary = `${file}.${process.pid}-${process.hrtime.bigint()}`;
  try {
    writeFileSync(temporary, data, { mode: 0o600 });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
