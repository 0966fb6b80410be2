/**
 * Compiles src/native/bpf/*.bpf.c to the objects that are committed beside them. `--check`: compiles them elsewhere, from
 * a copy in another folder, and fails unless the bytes are the same.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'src/native/bpf');

/** What the committed objects were built with: another compiler generates other code. */
const VERSIONS = join(folder, 'versions.json');

class BuildError extends Error {}

function run(command, args, cwd) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error?.code === 'ENOENT') {
    throw new BuildError(`${command} is not in PATH (Debian: apt-get install clang bpftool libbpf-dev)`);
  }

  if (status !== 0) {
    throw new BuildError(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  }

  return stdout;
}

function versions() {
  const first = (text) => text.split('\n')[0].trim();
  return {
    clang: first(run('clang', ['--version'])),
    bpftool: first(run('bpftool', ['version'])),
    libbpf: first(run('dpkg-query', ['-W', '-f', '${Version}', 'libbpf-dev'])),
  };
}

/** Where Debian has the kernel headers for this architecture; the programs use none that differ. */
function headers() {
  return ['-idirafter', join('/usr/include', run('cc', ['-print-multiarch']).trim())];
}

/** `cwd`: the folder of the sources. No object contains its name. */
function compile(sources, cwd, target) {
  const scratch = mkdtempSync(join(tmpdir(), 'kmem-run-bpf-'));
  try {
    const flags = ['-O2', '-g', '-target', 'bpf', '-mcpu=v2', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'];
    const maps = [`-ffile-prefix-map=${cwd}=.`, '-fdebug-compilation-dir', '.'];
    const objects = sources.map((source) => {
      const object = join(scratch, `${source}.o`);
      run('clang', [...flags, ...maps, ...headers(), '-c', source, '-o', object], cwd);
      return object;
    });
    // bpftool's linker leaves out what only a debugger reads.
    run('bpftool', ['gen', 'object', target, ...objects], cwd);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The sources of each object. */
const OBJECTS = {
  'refusals.bpf.o': ['refusals.bpf.c'],
  'watch.bpf.o': ['memory.bpf.c', 'moves.bpf.c', 'enforce.bpf.c', 'objects.bpf.c', 'name.bpf.c'],
  'profile.bpf.o': ['profile.bpf.c', 'name.bpf.c'],
};

function build() {
  for (const [object, sources] of Object.entries(OBJECTS)) {
    const target = join(folder, object);
    compile(sources, folder, target);
    process.stdout.write(`build:bpf: ${object}, ${readFileSync(target).length} bytes\n`);
  }

  writeFileSync(VERSIONS, `${JSON.stringify(versions(), null, 2)}\n`);
}

/** Null if identical; otherwise the difference. */
function difference() {
  const made = JSON.stringify(JSON.parse(readFileSync(VERSIONS, 'utf8')));
  const here = JSON.stringify(versions());
  if (made !== here) {
    return `the objects were made with ${made}, and here is ${here}`;
  }

  const copy = mkdtempSync(join(tmpdir(), 'kmem-run-bpf-'));
  try {
    cpSync(folder, copy, { recursive: true });
    const changed = Object.entries(OBJECTS).filter(([object, sources]) => {
      const target = join(copy, `again-${object}`);
      compile(sources, copy, target);
      return !readFileSync(target).equals(readFileSync(join(folder, object)));
    });
    return changed.length === 0 ? null : `${changed.map(([object]) => object).join(', ')}: not what its sources give`;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

try {
  const wrong = process.argv.includes('--check') ? difference() : build();
  if (typeof wrong === 'string') {
    throw new BuildError(`${wrong}\n  hint: npm run build:bpf`);
  }
} catch (error) {
  if (!(error instanceof BuildError)) {
    throw error;
  }

  process.stderr.write(`build:bpf: ${error.message}\n`);
  process.exitCode = 1;
}
