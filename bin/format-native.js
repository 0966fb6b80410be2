/**
 * Formats the C sources according to .clang-format; `--check`: only checks them. Without clang-format it does nothing.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folders = ['src/native', 'test/native', 'test/fixtures'];

const files = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => join(folder, name)),
);
const flags = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { error, status } = spawnSync('clang-format', [...flags, ...files], { cwd: root, stdio: 'inherit' });

if (error?.code === 'ENOENT') {
  process.stdout.write('format: no clang-format (Debian: clang-format): the C sources are left as they are\n');
} else {
  process.exitCode = status ?? 1;
}
