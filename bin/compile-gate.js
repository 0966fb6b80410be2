/** How the native helper is compiled: by the build, and on first use where the package came without it. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const standard = ['-O2', '-std=gnu11', '-fPIE'];

const warnings = [
  '-Wall',
  '-Wextra',
  '-Wshadow',
  '-Wformat=2',
  '-Wconversion',
  // Flags and ioctl numbers are unsigned in one header and int in the next.
  '-Wno-sign-conversion',
  '-Wstrict-prototypes',
  '-Wmissing-prototypes',
  '-Wwrite-strings',
];

const hardening = ['-fstack-protector-strong', '-fstack-clash-protection', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'];

const hardeningByArch = { x64: ['-fcf-protection'], arm64: ['-mbranch-protection=standard'] };

const linkHardening = ['-Wl,-z,relro,-z,now,-z,noexecstack'];

/** The best first: a static helper needs no file of the measured system, and starts with fewer page faults. */
const linkages = ['-static-pie', '-static', '-pie'];

const archHardening = hardeningByArch[process.arch] ?? [];

/** 16 hex digits that change with the text of the source and with the flags. */
export const gateId = (source) => {
  // Not imported: loading it takes 3 ms, and the bundle knows the answer.
  const { createHash } = createRequire(import.meta.url)('node:crypto');
  const flags = [standard, warnings, hardening, archHardening, linkHardening, linkages].flat();
  return createHash('sha256').update(readFileSync(source)).update(flags.join(' ')).digest('hex').slice(0, 16);
};

const installHint = 'install the C compiler and headers: apt-get install gcc libc6-dev';
const shownLines = 20;

export class CompileError extends Error {
  name = 'CompileError';

  constructor(code, message, hint) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** Runs the system's compiler; returns null, or what it said when it failed. */
const cc = (args) => {
  const { error, status, signal, stderr } = spawnSync('cc', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (error?.code === 'ENOENT' || error?.code === 'EACCES') {
    throw new CompileError('no-compiler', 'the native helper needs a C compiler, and cc is not in PATH', installHint);
  }

  if (error !== undefined) {
    throw new CompileError('compile-failed', `cc could not be run: ${error.message}`, installHint);
  }

  return status === 0 ? null : stderr.trim() || `cc ended with ${signal ?? `status ${status}`}`;
};

const fail = (said) => {
  const lacksFile = /No such file or directory|cannot find/.test(said);
  const text = said.split('\n').slice(0, shownLines).join('\n');
  throw new CompileError(
    'compile-failed',
    `the native helper could not be compiled: ${text}`,
    lacksFile ? installHint : 'report this as a bug of kmem-run, with the text above and the output of cc --version',
  );
};

const link = (object, executable) => {
  let said = '';
  for (const linkage of linkages) {
    said = cc([linkage, ...linkHardening, object, '-o', executable]);
    if (said === null) {
      return linkage.slice(1);
    }
  }

  return fail(said);
};

/**
 * Compiles `source` to `target`, which appears complete or not at all, however many do so at once; returns how it was
 * linked (`static-pie`, `static` or `pie`). Throws CompileError with code `no-compiler` or `compile-failed`.
 * Warnings are errors where the source is developed, not where a later compiler has learnt new ones.
 */
export const compileGate = (source, target, { warningsAreErrors }) => {
  const scratch = mkdtempSync(join(dirname(target), '.kmem-gate-'));
  try {
    const object = join(scratch, 'gate.o');
    const executable = join(scratch, 'kmem-gate');
    const strict = warningsAreErrors ? ['-Werror'] : [];
    const said = cc([...standard, ...warnings, ...strict, ...hardening, ...archHardening, '-c', source, '-o', object]);
    if (said !== null) {
      fail(said);
    }

    const linkage = link(object, executable);
    chmodSync(executable, 0o755);
    renameSync(executable, target);
    return linkage;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};
