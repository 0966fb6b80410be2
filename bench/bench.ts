import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What every section receives. */
export type Bench = Readonly<{
  quick: boolean;
  /** Number of microVMs that the section about them boots. */
  boots: number;
  /** The run's own folder, readable by every user. */
  folder: string;
  /** The path of a program of bench/fixtures, compiled at its first use. */
  program: (name: string) => string;
  say: (text: string) => void;
  /** Called in reverse order when the bench ends, also on a signal: synchronous. */
  atEnd: (undo: () => void) => void;
}>;

export type Section = Readonly<{
  name: string;
  about: string;
  /** Left out unless it is named: it takes too long. */
  onlyByName?: true;
  run: (bench: Bench) => Promise<void>;
}>;

export function createBench({ quick, boots }: { quick: boolean; boots: number }): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-bench-'));
  const undoings = [() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 })];
  process.once('exit', () => {
    for (const undo of undoings.toReversed()) attempt(undo);
  });
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => process.exit(status));
  }
  chmodSync(folder, 0o755);
  const compiled = new Map<string, string>();
  return {
    quick,
    boots,
    folder,
    program: (name) => {
      const file = compiled.get(name) ?? compile(name, join(folder, name));
      compiled.set(name, file);
      return file;
    },
    say: (text) => void process.stdout.write(text),
    atEnd: (undo) => void undoings.push(undo),
  };
}

function attempt(undo: () => void): void {
  try {
    undo();
  } catch (error) {
    process.stderr.write(`bench: left behind: ${(error as Error).message}\n`);
  }
}

function compile(name: string, target: string): string {
  const source = join(import.meta.dirname, 'fixtures', `${name}.c`);
  const { status, stderr, error } = spawnSync('cc', ['-O2', '-o', target, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${source} does not compile: ${error?.message ?? stderr}`);
  return target;
}

/** The path of a system program, or null if it is not installed. */
export function findProgram(name: string): string | null {
  // Servers and their tools often live outside a user's PATH.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
