/** How the command's bundle starts fast. Times are for Node 24, where a bare start takes 24 ms. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

function replaceOnce(text, from, to) {
  if (text.split(from).length !== 2) {
    throw new Error(`a dependency has changed: expected once: ${from}`);
  }

  return text.replace(from, to);
}

/** yargs looks for its translations two folders above the bundle, which is outside the package. */
export const noTranslations = {
  name: 'no-translations',
  setup(build) {
    build.onLoad({ filter: /\/yargs\/lib\/platform-shims\/esm\.mjs$/ }, ({ path }) => ({
      contents: replaceOnce(readFileSync(path, 'utf8'), "resolve(__dirname, '../../../locales')", "'/nonexistent'"),
    }));
  },
};

/**
 * pidusage runs `getconf` twice for values that the kernel gives every process (14 ms, in the middle of a run), and
 * prints a stack trace if it is missing or is killed by the user's Ctrl-C.
 */
export const noGetconf = {
  name: 'no-getconf',
  setup(build) {
    const source = JSON.stringify(fileURLToPath(new URL('../src/host/page-size.ts', import.meta.url)));
    build.onLoad({ filter: /\/pidusage\/lib\/helpers\/cpu\.js$/ }, ({ path }) => ({
      contents: replaceOnce(
        replaceOnce(readFileSync(path, 'utf8'), "exec('getconf ' + keyword, function", 'ask(keyword, function'),
        "const exec = require('child_process').exec",
        `const { clockTicks, pageSize } = require(${source})
const ask = (keyword, next) => next(null, keyword === 'CLK_TCK' ? clockTicks() : pageSize())`,
      ),
    }));
  },
};

/** Creating an Intl.Segmenter takes 10 ms, and ASCII needs none. */
export const lazySegmenter = {
  name: 'lazy-segmenter',
  setup(build) {
    build.onLoad({ filter: /\/string-width\/index\.js$/ }, ({ path }) => ({
      contents: replaceOnce(
        readFileSync(path, 'utf8'),
        'const segmenter = new Intl.Segmenter();',
        'let made; const segmenter = { segment: (text) => (made ??= new Intl.Segmenter()).segment(text) };',
      ),
    }));
  },
};

/** zod (10 ms), yaml and pprof-format are separate files beside the bundle, so that not even their text is read at the start. */
export const largeOnesBeside = {
  name: 'large-ones-beside',
  setup(build) {
    build.onResolve({ filter: /^(zod|yaml|pprof-format)$/ }, ({ path }) => ({ path: `./${path}.cjs`, external: true }));
  },
};

/** What only `report` and `serve` need, by the module that they load: separate files, never read by other commands. */
const reportParts = {
  'report/html/page.ts': 'report',
  'report/plots/files.ts': 'plots',
  'serve/pages.ts': 'serve',
};

export const reportBeside = {
  name: 'report-beside',
  setup(build) {
    build.onResolve({ filter: /\/(report\/html\/page|report\/plots\/files|serve\/pages)\.ts$/ }, ({ path, kind }) => {
      const name = Object.entries(reportParts).find(([end]) => path.endsWith(end))?.[1];
      return kind === 'dynamic-import' ? { path: `./${name}.cjs`, external: true } : undefined;
    });
  },
};

/** The chain of imports from `from` to a package or file whose name contains `name`, or null. Ignores import(). */
function staticChain(inputs, from, name, seen = new Set()) {
  seen.add(from);
  for (const { path, kind } of inputs[from]?.imports ?? []) {
    if (kind !== 'dynamic-import' && !seen.has(path)) {
      const chain = isPart(path, name) ? [path] : staticChain(inputs, path, name, seen);
      if (chain !== null) {
        return [from, ...chain];
      }
    }
  }

  return null;
}

function isPart(path, name) {
  return path === `./${name}.cjs` || path.includes(`node_modules/${name}/`);
}

/** Throws if one of `names` would be loaded at each start. */
export function assertLazy({ inputs }, entry, names) {
  for (const name of names) {
    const chain = staticChain(inputs, entry, name);
    if (chain !== null) {
      const error = new Error(`${name} would be loaded at each start: ${chain.join(' → ')}`);
      error.hint = 'use await import() at one step of this chain';
      throw error;
    }
  }
}
