/** The layout of src/native: modules with one header each that know only the modules below them. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { here } from './compile.ts';

const native = join(here, '../../src/native');
const MOST_LINES = 350;

function filesOf(folder: string) {
  return readdirSync(join(native, folder))
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => ({
      name,
      text: readFileSync(join(native, folder, name), 'utf8'),
    }));
}

/** By module: the modules of its own folder that it includes. */
function dependencies(folder: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { name, text } of filesOf(folder)) {
    const module = name.replace(/\.[ch]$/, '');
    const included = [...text.matchAll(/^#include "([\w-]+)\.h"$/gm)].map(([, other = '']) => other);
    const others = found.get(module) ?? new Set();
    found.set(module, new Set([...others, ...included.filter((other) => other !== module)]));
  }
  return found;
}

for (const folder of readdirSync(native)) {
  test(`${folder}: each module has one header, and no file is long`, (t) => {
    const files = filesOf(folder);
    const names = new Set(files.map(({ name }) => name));
    for (const { name, text } of files) {
      t.true(text.split('\n').length - 1 <= MOST_LINES, `${name} is too long`);
      t.notRegex(text, /#include ".*\.c"/, name);
      t.true(
        !/(?<!\.bpf)\.c$/.test(name) || name === 'main.c' || names.has(name.replace(/c$/, 'h')),
        `${name} has no header`,
      );
    }
  });

  test(`${folder}: no circular dependencies`, (t) => {
    const left = dependencies(folder);
    for (let before = -1; left.size !== before; ) {
      before = left.size;
      for (const [module, others] of left) if (![...others].some((other) => left.has(other))) left.delete(module);
    }
    t.deepEqual([...left.keys()], []);
  });
}
