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

test('a name resolves to the first executable file in PATH', (t) => {
  const cwd = makeFolder(t);
  const path = `${cwd}/absent:${cwd}/first:${cwd}/second`;
  t.is(resolveCommand('tool', { cwd, path }), join(cwd, 'first/tool'));
  t.is(resolveCommand('plain', { cwd, path }), join(cwd, 'second/plain'));
});

test('an empty or relative PATH entry is relative to the working directory', (t) => {
  const cwd = makeFolder(t);
  t.is(resolveCommand('own', { cwd, path: '/absent:' }), join(cwd, 'own'));
  t.is(resolveCommand('tool', { cwd, path: 'first' }), join(cwd, 'first/tool'));
});

test('without PATH the system’s default is used', (t) => {
  t.regex(resolveCommand('sh', { cwd: '/', path: undefined }), /^(\/usr)?\/bin\/sh$/);
});

test('a path is relative to the working directory and never looked up in PATH', (t) => {
  const cwd = makeFolder(t);
  t.is(resolveCommand('./own', { cwd, path: '/bin' }), join(cwd, 'own'));
  t.is(resolveCommand('first/tool', { cwd, path: '/bin' }), join(cwd, 'first/tool'));
  t.is(resolveCommand(join(cwd, 'own'), { cwd: '/', path: '' }), join(cwd, 'own'));
  t.throws(() => resolveCommand('./sh', { cwd, path: '/bin' }));
});

test('missing and non-executable files have distinct errors', (t) => {
  const cwd = makeFolder(t);
  const path = `${cwd}/first:${cwd}/second`;
  const codeOf = (command: string) =>
    (t.throws(() => resolveCommand(command, { cwd, path })) as { code?: string }).code;
  for (const absent of ['nothing', './nothing', './own/in', './dangling'])
    t.is(codeOf(absent), 'command-not-found', absent);
  for (const file of ['only-plain', 'folder', './first/plain', './first', cwd])
    t.is(codeOf(file), 'not-executable', file);
});
