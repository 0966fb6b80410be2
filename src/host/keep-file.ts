import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { makerMark } from '../../bin/maker.js';

/** Writes one of kmem-run's own files, completely or not at all: another kmem-run may be reading or writing it. */
export function keepFile(file: string, data: string | Uint8Array): void {
  const temporary = `${file}.${makerMark()}${process.hrtime.bigint()}`;
  try {
    writeFileSync(temporary, data, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
