/** How the C sources are compiled: by the build, or on first use if the package came without the binary. */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { makerMark } from './maker.js';

/**
 * `linkages`: in order of preference. A static helper needs no file of the measured system, and starts with fewer page
 * faults; the agent starts where no other file exists.
 */
export const helper = {
  name: 'kmem-helper',
  folder: 'src/native/helper',
  called: 'the native helper',
  /** BPF objects, which are embedded in the helper's file, and what both sides know about them. */
  embeds: 'src/native/bpf',
  linkages: ['-static-pie', '-static', '-pie'],
};

export const agent = {
  name: 'kmem-agent',
  folder: 'src/native/agent',
  called: 'the agent of the microVM',
  linkages: ['-static-pie', '-static'],
};

export const exhaust = {
  name: 'kmem-exhaust',
  folder: 'src/native/exhaust',
  called: 'the workload of kmem-run fidelity',
  linkages: ['-static-pie', '-static', '-pie'],
};

/** What the programs share. */
const COMMON = 'src/native/common';

const standard = ['-O2', '-std=gnu11', '-D_GNU_SOURCE', '-fPIE', '-pthread'];

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

const linkHardening = ['-pthread', '-Wl,-z,relro,-z,now,-z,noexecstack'];

const archHardening = hardeningByArch[process.arch] ?? [];

/** The program's files with this ending, in the same order everywhere. */
function filesOf(program, root, endings, folders = [program.folder, COMMON]) {
  return folders.flatMap((folder) => {
    const path = join(root, folder);
    const names = existsSync(path) ? readdirSync(path) : [];
    return names
      .filter((name) => endings.test(name))
      .sort()
      .map((name) => join(path, name));
  });
}

/** `program.main`: a file that takes the place of main.c. */
function sourcesOf(program, root) {
  const sources = filesOf(program, root, /\.c$/);
  const { main } = program;
  return main === undefined ? sources : [main, ...sources.filter((file) => basename(file) !== 'main.c')];
}

/** 16 hex digits that change with the text of the program's files and with the flags. `root`: the package's folder. */
export function nativeId(program, root) {
  // Not imported: loading it takes 3 ms, and the bundle knows the answer.
  const { createHash } = createRequire(import.meta.url)('node:crypto');
  const flags = [standard, warnings, hardening, archHardening, linkHardening, program.linkages].flat();
  const hash = createHash('sha256').update(flags.join(' '));
  const embedded = program.embeds === undefined ? [] : filesOf(program, root, /\.(h|o)$/, [program.embeds]);
  for (const file of [...filesOf(program, root, /\.[ch]$/), ...embedded]) {
    hash.update(`${basename(file)}\0`).update(readFileSync(file));
  }

  return hash.digest('hex').slice(0, 16);
}

const INSTALL_HINT = 'install the C compiler and headers: apt-get install gcc libc6-dev';
const SHOWN_LINES = 20;

export class CompileError extends Error {
  name = 'CompileError';

  constructor(code, message, hint) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** Runs the system's compiler; returns null, or its error output if it failed. */
function cc(args, { called }, cwd) {
  const { error, status, signal, stderr } = spawnSync('cc', args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (error?.code === 'ENOENT' || error?.code === 'EACCES') {
    throw new CompileError('no-compiler', `${called} needs a C compiler, and cc is not in PATH`, INSTALL_HINT);
  }

  if (error !== undefined) {
    throw new CompileError('compile-failed', `cc could not be run: ${error.message}`, INSTALL_HINT);
  }

  return status === 0 ? null : stderr.trim() || `cc ended with ${signal ?? `status ${status}`}`;
}

function fail(said, { called }) {
  const lacksFile = /No such file or directory|cannot find/.test(said);
  const text = said.split('\n').slice(0, SHOWN_LINES).join('\n');
  throw new CompileError(
    'compile-failed',
    `${called} could not be compiled: ${text}`,
    lacksFile ? INSTALL_HINT : 'report this as a bug of kmem-run, with the text above and the output of cc --version',
  );
}

function link(objects, executable, program) {
  let said = '';
  for (const linkage of program.linkages) {
    said = cc([linkage, ...linkHardening, ...objects, '-o', executable], program);
    if (said === null) {
      return linkage.slice(1);
    }
  }

  return fail(said, program);
}

/**
 * Compiles `program`, whose sources are below `root`, to `target`, which appears complete or not at all, however many
 * do so at once; returns how it was linked (`static-pie`, `static` or `pie`). @throws CompileError with code
 * `no-compiler` or `compile-failed`. Warnings are errors where the source is developed, not where a later compiler has
 * added new ones.
 */
export function compileNative(program, root, target, { warningsAreErrors }) {
  const scratch = mkdtempSync(join(dirname(target), `.${program.name}-${makerMark()}`));
  try {
    const executable = join(scratch, program.name);
    const sources = sourcesOf(program, root);
    const strict = warningsAreErrors ? ['-Werror'] : [];
    const embeds = program.embeds === undefined ? [] : [`-Wa,-I,${join(root, program.embeds)}`];
    const flags = [...standard, ...warnings, ...strict, ...hardening, ...archHardening, ...embeds];
    // One compiler run for all; it names the objects after the sources, and writes them to its working directory.
    const said = cc([...flags, '-c', ...sources], program, scratch);
    if (said !== null) {
      fail(said, program);
    }

    const objects = sources.map((file) => join(scratch, `${basename(file, '.c')}.o`));
    const linkage = link(objects, executable, program);
    chmodSync(executable, 0o755);
    renameSync(executable, target);
    return linkage;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
