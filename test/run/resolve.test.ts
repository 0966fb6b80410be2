import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { resolveCommand } from '../../src/run/resolve.ts';

function makeFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-resolve-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['first', 'second', 'second/tool', 'second/folder']) mkdirSync(join(folder, name));
  for (const [name, mode] of [
    ['first/tool', 0o755],
    ['first/plain', 0o644],
    ['second/plain', 0o755],
    ['first/only-plain', 0o644],
    ['own', 0o755],
  ] as const) {
    writeFileSync(join(folder, name), '');
    chmodSync(join(folder, name), mode);
  }
  symlinkSync('absent', join(folder, 'dangling'));
  return folder;
}

test('a name is looked up in PATH, the first that can be executed', (t) => {
  const cwd = makeFolder(t);
  const path = `${cwd}/absent:${cwd}/first:${cwd}/second`;
  t.is(resolveCommand('tool', { cwd, path }), join(cwd, 'first/tool'));
  t.is(resolveCommand('plain', { cwd, path }), join(cwd, 'second/plain'));
});

test('an empty or relative folder of PATH is taken from the working directory', (t) => {
  const cwd = makeFolder(t);
  t.is(resolveCommand('own', { cwd, path: '/absent:' }), join(cwd, 'own'));
  t.is(resolveCommand('tool', { cwd, path: 'first' }), join(cwd, 'first/tool'));
});

test('without a PATH the system’s is taken', (t) => {
  t.regex(resolveCommand('sh', { cwd: '/', path: undefined }), /^(\/usr)?\/bin\/sh$/);
});

test('a path is taken from the working directory, and never looked up', (t) => {
  const cwd = makeFolder(t);
  t.is(resolveCommand('./own', { cwd, path: '/bin' }), join(cwd, 'own'));
  t.is(resolveCommand('first/tool', { cwd, path: '/bin' }), join(cwd, 'first/tool'));
  t.is(resolveCommand(join(cwd, 'own'), { cwd: '/', path: '' }), join(cwd, 'own'));
  t.throws(() => resolveCommand('./sh', { cwd, path: '/bin' }));
});

test('what does not exist, and what cannot be executed', (t) => {
  const cwd = makeFolder(t);
  const path = `${cwd}/first:${cwd}/second`;
  const codeOf = (command: string) =>
    (t.throws(() => resolveCommand(command, { cwd, path })) as { code?: string }).code;
  for (const absent of ['nothing', './nothing', './own/in', './dangling'])
    t.is(codeOf(absent), 'command-not-found', absent);
  for (const file of ['only-plain', 'folder', './first/plain', './first', cwd])
    t.is(codeOf(file), 'not-executable', file);
});
