import { statSync } from 'node:fs';

/** Changes with the contents of these files: a new version of a program or image is a new file. */
export function fileIdentity(...files: readonly string[]): string {
  return files
    .map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat === undefined ? file : `${file}:${stat.ino}:${stat.size}:${Math.round(stat.mtimeMs)}`;
    })
    .join(' ');
}
