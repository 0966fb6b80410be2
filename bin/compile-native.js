/** How what is written in C is compiled: by the build, and on first use where the package came without it. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * `linkages`: the best first. A static helper needs no file of the measured system, and starts with fewer page faults;
 * the agent is started where there is no other file.
 */
export const gate = {
  name: 'kmem-gate',
  source: 'src/gate/gate.c',
  called: 'the native helper',
  linkages: ['-static-pie', '-static', '-pie'],
};

export const agent = {
  name: 'kmem-agent',
  source: 'src/vm/agent.c',
  called: 'the agent of the microVM',
  linkages: ['-static-pie', '-static'],
};

export const exhaust = {
  name: 'kmem-exhaust',
  source: 'src/fidelity/exhaust.c',
  called: 'the workload of kmem-run fidelity',
  linkages: ['-static-pie', '-static', '-pie'],
};

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

const archHardening = hardeningByArch[process.arch] ?? [];

/** 16 hex digits that change with the text of the program's source and with the flags. `root`: the package's folder. */
export const nativeId = (program, root) => {
  // Not imported: loading it takes 3 ms, and the bundle knows the answer.
  const { createHash } = createRequire(import.meta.url)('node:crypto');
  const flags = [standard, warnings, hardening, archHardening, linkHardening, program.linkages].flat();
  const hash = createHash('sha256').update(flags.join(' '));
  const folder = join(root, dirname(program.source));
  // What is beside it is a part of it.
  for (const name of readdirSync(folder)
    .filter((file) => file.endsWith('.c'))
    .sort()) {
    hash.update(readFileSync(join(folder, name)));
  }

  return hash.digest('hex').slice(0, 16);
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
const cc = (args, { called }) => {
  const { error, status, signal, stderr } = spawnSync('cc', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (error?.code === 'ENOENT' || error?.code === 'EACCES') {
    throw new CompileError('no-compiler', `${called} needs a C compiler, and cc is not in PATH`, installHint);
  }

  if (error !== undefined) {
    throw new CompileError('compile-failed', `cc could not be run: ${error.message}`, installHint);
  }

  return status === 0 ? null : stderr.trim() || `cc ended with ${signal ?? `status ${status}`}`;
};

const fail = (said, { called }) => {
  const lacksFile = /No such file or directory|cannot find/.test(said);
  const text = said.split('\n').slice(0, shownLines).join('\n');
  throw new CompileError(
    'compile-failed',
    `${called} could not be compiled: ${text}`,
    lacksFile ? installHint : 'report this as a bug of kmem-run, with the text above and the output of cc --version',
  );
};

const link = (object, executable, program) => {
  let said = '';
  for (const linkage of program.linkages) {
    said = cc([linkage, ...linkHardening, object, '-o', executable], program);
    if (said === null) {
      return linkage.slice(1);
    }
  }

  return fail(said, program);
};

/**
 * Compiles `program`, whose source is below `root`, to `target`, which appears complete or not at all, however many do
 * so at once; returns how it was linked (`static-pie`, `static` or `pie`). Throws CompileError with code `no-compiler`
 * or `compile-failed`. Warnings are errors where the source is developed, not where a later compiler has learnt new ones.
 */
export const compileNative = (program, root, target, { warningsAreErrors }) => {
  const scratch = mkdtempSync(join(dirname(target), `.${program.name}-`));
  try {
    const object = join(scratch, 'program.o');
    const executable = join(scratch, program.name);
    const source = join(root, program.source);
    const strict = warningsAreErrors ? ['-Werror'] : [];
    const flags = [...standard, ...warnings, ...strict, ...hardening, ...archHardening];
    const said = cc([...flags, '-c', source, '-o', object], program);
    if (said !== null) {
      fail(said, program);
    }

    const linkage = link(object, executable, program);
    chmodSync(executable, 0o755);
    renameSync(executable, target);
    return linkage;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};
