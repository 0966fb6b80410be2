/** The output of `kmem-run kernel`. */

import type { Writable } from 'node:stream';
import type { Added } from '../kernels/add.ts';
import type { ListedKernel, Unfinished } from '../kernels/list.ts';
import { hasOwnLimit, type Kernel } from '../kernels/types.ts';
import { formatSize } from '../request/size.ts';
import { wrap } from '../text/layout.ts';
import { visible } from '../text/visible.ts';

export type DownloadProgress = Readonly<{
  update: (done: number, total: number) => void;
  /** Call before anything else is written there. */
  clear: () => void;
}>;

const ERASE_LINE = '\r\x1b[K';
const PLAIN_STEP = 0.25;

/** On a terminal one line that is redrawn, otherwise a line for each quarter. */
export function downloadProgress(stream: Writable & { isTTY?: boolean }): DownloadProgress {
  let printed = 0;
  let onScreen = false;
  return {
    update(done, total) {
      const share = total === 0 ? 1 : done / total;
      const text = `${formatSize(done)} of ${formatSize(total)} (${Math.floor(share * 100)} %)`;
      if (stream.isTTY) {
        onScreen = true;
        stream.write(`${ERASE_LINE}${text}`);
      } else if (share >= printed + PLAIN_STEP) {
        printed = Math.floor(share / PLAIN_STEP) * PLAIN_STEP;
        stream.write(`kmem-run: ${text}\n`);
      }
    },
    clear() {
      if (!onScreen) return;
      onScreen = false;
      stream.write(ERASE_LINE);
    },
  };
}

/** `added 5.10: Linux 5.10.0-46-amd64 (5.10.262), 59.91 MiB in /home/me/.cache/kmem-run/kernels/5.10` */
export function addedText({ kernel, change, before }: Added): string {
  const { name, bytes, folder } = kernel;
  const what = `${name}: ${linuxText(kernel)}`;
  if (change === 'same') return `${visible(`${what} is already added and up to date`)}\n`;
  const replaced = before === null || change === 'added' ? '' : `, replacing ${before}`;
  return `${visible(`${change} ${what}, ${formatSize(bytes)} in ${folder}${replaced}`)}\n`;
}

/** `width`: columns of the terminal; null: none. */
export function listText(
  kernels: readonly ListedKernel[],
  unfinished: readonly Unfinished[],
  width: number | null = null,
): string {
  const rows = [
    ...table(kernels),
    ...unfinished.map(
      ({ name, bytes }) => `${name}: ${formatSize(bytes)} fetched; resume with kmem-run kernel add ${name}`,
    ),
  ];
  if (kernels.length === 0) rows.unshift('no kernels; add one with kmem-run kernel add 5.10');
  return rows.flatMap((row) => wrap(visible(row), width).map((line) => `${line}\n`)).join('');
}

export function listJson(kernels: readonly ListedKernel[], unfinished: readonly Unfinished[]): string {
  const shown = kernels.map(({ name, kernel, problems }) => ({
    name,
    release: kernel?.release ?? null,
    version: kernel?.version ?? null,
    arch: kernel?.arch ?? null,
    native: kernel === null ? null : nativeText(kernel),
    source: kernel?.source ?? null,
    bytes: kernel?.bytes ?? null,
    addedAt: kernel?.addedAt ?? null,
    folder: kernel?.folder ?? null,
    problems,
  }));
  return `${JSON.stringify({ kernels: shown, unfinished }, null, 2)}\n`;
}

/** A line for each kernel, and one more for each of its problems. */
export function verifiedText(kernels: readonly ListedKernel[]): string {
  if (kernels.length === 0) return 'no kernels to verify\n';
  const rows = kernels.flatMap((listed) => [
    `${listed.name}  ${listed.problems.length === 0 ? 'whole' : 'damaged'}`,
    ...problemRows(listed),
  ]);
  return rows.map((row) => `${visible(row)}\n`).join('');
}

function problemRows({ problems, mend }: ListedKernel): string[] {
  return [...problems.map((problem) => `  ${problem}`), ...(mend === null ? [] : [`  hint: ${mend}`])];
}

function table(kernels: readonly ListedKernel[]): string[] {
  const rows = kernels.map(({ name, kernel }) => [
    name,
    kernel?.version ?? '?',
    kernel?.release ?? '?',
    kernel === null ? '?' : nativeText(kernel),
    kernel === null ? '?' : formatSize(kernel.bytes),
    kernel?.addedAt.slice(0, 10) ?? '?',
    kernel?.source ?? 'damaged',
  ]);
  const header = ['NAME', 'VERSION', 'RELEASE', 'NATIVE', 'SPACE', 'ADDED', 'SOURCE'];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const text = (row: readonly string[]) =>
    row.map((cell, column) => (column === header.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ');
  return rows.length === 0 ? [] : [text(header), ...rows.flatMap((row, at) => [text(row), ...problemsAt(kernels, at)])];
}

/** How `--enforce native` works with it. */
function nativeText(kernel: Kernel): string {
  if (hasOwnLimit(kernel)) return 'kernel';
  return kernel.native.path === null ? 'no' : 'module';
}

function problemsAt(kernels: readonly ListedKernel[], at: number): string[] {
  const listed = kernels[at];
  return listed === undefined ? [] : problemRows(listed);
}

function linuxText({ release, version }: Added['kernel']): string {
  return `Linux ${release}${version === release ? '' : ` (${version})`}`;
}
