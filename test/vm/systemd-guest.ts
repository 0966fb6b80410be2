/** A guest in which systemd is PID 1, on the files of this machine: runs a shell script as a service, and powers off. */

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { compileNative } from '../../bin/compile-native.js';
import { findKernel } from '../../src/kernels/find.ts';
import type { Kernel } from '../../src/kernels/types.ts';
import { startQemu } from '../../src/vm/boot.ts';
import { makeCpio } from '../../src/vm/initramfs.ts';
import { findQemu, qemuArguments } from '../../src/vm/qemu.ts';
import { needs } from '../needs.ts';
import { MIB, makeFolder } from './machines.ts';
import { needsKernel } from './needs-kernel.ts';

const root = join(import.meta.dirname, '..', '..');
/** A minute on an otherwise idle machine. */
const TIMEOUT_MS = 12 * 60_000;
const SYSTEM_UNITS = '/usr/lib/systemd/system';
/** Units that systemd starts by itself and the tests do not need. */
const TARGETS = ['sysinit', 'sockets', 'timers', 'paths', 'local-fs'];
const NEEDED = /^(dbus\.socket|.*\.(target|slice))$/;

export type Ran = Readonly<{
  /** The script's output. */
  output: string;
  /** The last lines of the kernel's console. */
  console: string;
  /** The text of a file that the script left in $RESULTS; throws if there is none. */
  read: (name: string) => string;
}>;

/** Null if this machine cannot; the test is then over. `script`: for bash; kmem-run is in its PATH. */
export async function runUnderSystemd(t: ExecutionContext, name: string, script: string): Promise<Ran | null> {
  t.timeout(TIMEOUT_MS + 60_000);
  if (!(await needsKernel(t, name))) return null;
  const there = [`${SYSTEM_UNITS}/user@.service`, '/usr/bin/dbus-daemon', '/usr/share/pam-configs/systemd'];
  if (!needs(t, there.every(existsSync), 'systemd, dbus and libpam-systemd')) return null;
  const folder = makeFolder(t);
  layOut(folder, script);
  const kernel = await findKernel(name);
  const shape = { kernel, initramfs: makeInitramfs(folder, kernel), memory: 1024 * MIB, cpus: 1 };
  const words = qemuArguments({ ...shape, rw: [folder], prefetch: [], serves: false, accel: 'tcg' });
  const qemu = startQemu(findQemu(kernel.arch), words);
  t.teardown(() => qemu.kill());
  const deadline = setTimeout(() => void qemu.kill(), TIMEOUT_MS);
  const end = await qemu.ended;
  clearTimeout(deadline);
  const output = existsSync(`${folder}/output`) ? readFileSync(`${folder}/output`, 'utf8') : '';
  t.is(
    end.code,
    0,
    `${end.stderr}
${qemu.console.tail()}
${output}`,
  );
  return { output, console: qemu.console.tail(), read: (file) => readFileSync(join(folder, 'results', file), 'utf8') };
}

function layOut(folder: string, script: string): void {
  // Ordinary users of the guest run what is in it.
  chmodSync(folder, 0o755);
  const units = join(folder, 'units');
  mkdirSync(units);
  mkdirSync(join(folder, 'results'));
  mkdirSync(join(folder, 'bin'));
  const kmemRun = `#!/bin/sh\nexec ${process.execPath} ${root}/bin/kmem-run.js "$@"\n`;
  writeFileSync(join(folder, 'bin', 'kmem-run'), kmemRun, { mode: 0o755 });
  writeFileSync(join(folder, 'script'), script);
  for (const unit of unitsToMask()) symlinkSync('/dev/null', join(units, unit));
  const bare = '[Unit]\nDefaultDependencies=no\n';
  writeFileSync(join(units, 'kmem-test.target'), `${bare}Requires=kmem-test.service\nAllowIsolate=yes\n`);
  writeFileSync(
    join(units, 'kmem-test.service'),
    [
      `${bare}SuccessAction=poweroff-immediate\nFailureAction=poweroff-immediate\n[Service]\nType=oneshot`,
      `Environment=RESULTS=${folder}/results HOME=/root LANG=C.UTF-8`,
      `Environment=PATH=${folder}/bin:${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`,
      `ExecStart=/bin/bash ${folder}/script\nExecStopPost=/bin/sync`,
      `StandardOutput=file:${folder}/output\nStandardError=inherit\n`,
    ].join('\n'),
  );
}

function unitsToMask(): Set<string> {
  const folders = [SYSTEM_UNITS, '/etc/systemd/system'].flatMap((folder) =>
    TARGETS.map((target) => join(folder, `${target}.target.wants`)),
  );
  const names = folders.filter(existsSync).flatMap((folder) => readdirSync(folder));
  return new Set(names.filter((name) => !NEEDED.test(name)));
}

/** Like that of src/vm/initramfs.ts, with another first process. */
function makeInitramfs(folder: string, kernel: Kernel): string {
  const main = join(root, 'test/fixtures/systemd-init.c');
  const program = { name: 'init', folder: 'src/native/agent', main, called: 'the test’s init' };
  compileNative({ ...program, linkages: ['-static-pie', '-static'] }, root, join(folder, 'init'), {
    warningsAreErrors: true,
  });
  const modules = kernel.modules.map((file) => ({ name: basename(file), data: readFileSync(file) }));
  const file = (path: string, data: Buffer, mode = 0o100644) => ({ path, mode, data });
  const archive = makeCpio([
    file('init', readFileSync(join(folder, 'init')), 0o100755),
    file('folder', Buffer.from(folder)),
    { path: 'dev', mode: 0o040755 },
    { path: 'dev/console', mode: 0o020600, device: [5, 1] },
    { path: 'modules', mode: 0o040755 },
    file('modules/order', Buffer.from(modules.map(({ name }) => `${name}\n`).join(''))),
    ...modules.map(({ name, data }) => file(`modules/${name}`, data)),
  ]);
  const path = join(folder, 'initramfs');
  writeFileSync(path, archive);
  return path;
}
