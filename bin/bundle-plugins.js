/** What makes the bundle of the command start fast. Times are those of Node 24, where a bare start takes 24 ms. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** string-width builds an Intl.Segmenter (8 ms) when it is loaded; the width of ASCII needs none. */
export const lazyStringWidth = {
  name: 'lazy-string-width',
  setup(build) {
    build.onResolve({ filter: /^string-width$/ }, () => ({ path: 'string-width', namespace: 'lazy' }));
    build.onResolve({ filter: /^real-string-width$/ }, () => ({ path: require.resolve('string-width') }));
    build.onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
      resolveDir: import.meta.dirname,
      contents: `
        const isAscii = (text) => typeof text === 'string' && /^[\\x20-\\x7e]*$/.test(text);
        const stringWidth = (text, options) =>
          isAscii(text) ? text.length : require('real-string-width').default(text, options);
        export default stringWidth;`,
    }));
  },
};

function replaceOnce(text, from, to) {
  if (text.split(from).length !== 2) {
    throw new Error(`yargs has changed: expected once: ${from}`);
  }

  return text.replace(from, to);
}

/**
 * yargs loads `assert` (2 ms) for a check that it makes only when it is misused, and looks for its translations two
 * folders above the bundle, which is outside the package.
 */
export const fastYargs = {
  name: 'fast-yargs',
  setup(build) {
    build.onLoad({ filter: /\/yargs\/lib\/platform-shims\/esm\.mjs$/ }, ({ path }) => {
      const assertions = "import { notStrictEqual, strictEqual } from 'assert'";
      const lazily = `
        const notStrictEqual = (...pair) => require('assert').notStrictEqual(...pair);
        const strictEqual = (...pair) => require('assert').strictEqual(...pair);`;
      const text = readFileSync(path, 'utf8');
      return {
        contents: replaceOnce(
          replaceOnce(text, assertions, lazily),
          "resolve(__dirname, '../../../locales')",
          "'/nonexistent'",
        ),
      };
    });
  },
};

/** zod (10 ms) and yaml have files of their own beside the bundle, so that not even their text is read at the start. */
export const largeOnesBeside = {
  name: 'large-ones-beside',
  setup(build) {
    build.onResolve({ filter: /^(zod|yaml)$/ }, ({ path }) => ({ path: `./${path}.cjs`, external: true }));
  },
};

/** What only `report` and `serve` need, by the module that they load: beside the bundle, for the others never to be read. */
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

/** The chain of imports from `from` to a package or file whose name has `name` in it, or null. Ignores import(). */
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
