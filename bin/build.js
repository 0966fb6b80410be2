/**
 * Builds dist/: the command's bundle, the library with its types, the native helper. Plain JavaScript, since `prepare`
 * runs it under whichever Node npm uses.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  assertLazy,
  largeOnesBeside,
  lazySegmenter,
  noGetconf,
  noTranslations,
  reportBeside,
} from './bundle-plugins.js';
import { agent, compileNative, exhaust, helper, nativeId } from './compile-native.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);

class BuildError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

function say(text) {
  return process.stdout.write(`build: ${text}\n`);
}

/** Others may be running the replaced file. */
function writeAtomically(file, contents) {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, contents);
  renameSync(temporary, file);
}

/** Hashing the sources would add 3 ms to each start. */
const nativeIds = {
  KMEM_HELPER_ID: JSON.stringify(nativeId(helper, root)),
  KMEM_AGENT_ID: JSON.stringify(nativeId(agent, root)),
};

const bundleOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  metafile: true,
  write: false,
  logLevel: 'warning',
};

async function bundle(esbuild, name, { identified = false, plugins = [], ...options }) {
  const { outputFiles, metafile } = await esbuild.build({
    ...bundleOptions,
    ...options,
    plugins: [...plugins, lazySegmenter],
    outfile: join(dist, name),
  });
  const { contents } = outputFiles[0];
  const id = createHash('sha256').update(contents).digest('hex').slice(0, 16);
  writeAtomically(join(dist, name), identified ? Buffer.concat([Buffer.from(`/* ${id} */`), contents]) : contents);
  say(`dist/${name}, ${Math.round(outputFiles[0].contents.length / 1024)} KiB`);
  return metafile;
}

const entryDefine = {
  'import.meta.url': 'bundleUrl',
  'import.meta.dirname': '__dirname',
  'import.meta.filename': '__filename',
  ...nativeIds,
};

/** A CommonJS bundle of a program started from bin/, with the cache of compiled code that its first line identifies. */
function bundleEntry(esbuild, name, options) {
  return bundle(esbuild, name, {
    identified: true,
    format: 'cjs',
    // Node warns of an import() in a script that vm compiled.
    supported: { 'dynamic-import': false },
    // Saves five per cent of each start; names stay, for bug reports.
    minifyWhitespace: true,
    minifySyntax: true,
    // CommonJS has no import.meta.
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: entryDefine,
    ...options,
  });
}

async function bundleCommand(esbuild) {
  const metafile = await bundleEntry(esbuild, 'cli.cjs', {
    entryPoints: ['src/cli.ts'],
    plugins: [noTranslations, noGetconf, largeOnesBeside, reportBeside],
  });
  assertLazy(metafile, 'src/cli.ts', ['zod', 'yaml', 'pprof-format', 'pidusage', 'echarts', 'yargs']);
  return metafile;
}

/** The runner inside a microVM: no command line, no schema. */
async function bundleGuest(esbuild) {
  const metafile = await bundleEntry(esbuild, 'guest.cjs', {
    entryPoints: ['src/guest.ts'],
    plugins: [noGetconf, largeOnesBeside],
  });
  assertLazy(metafile, 'src/guest.ts', ['zod', 'pidusage', 'yargs']);
  return metafile;
}

/** Starts that runner. */
function bundleGuestStart(esbuild) {
  return bundleEntry(esbuild, 'guest-start.cjs', { entryPoints: ['bin/guest-start.js'], identified: false });
}

/** zod is kept out of the command's bundle, which is read and compiled at each start. */
function bundleZod(esbuild) {
  return bundle(esbuild, 'zod.cjs', { entryPoints: ['zod'], format: 'cjs', minify: true });
}

/** For scenario files only. */
function bundleYaml(esbuild) {
  return bundle(esbuild, 'yaml.cjs', { entryPoints: ['yaml'], format: 'cjs', minify: true });
}

/** For `export --format pprof` only. */
function bundlePprof(esbuild) {
  return bundle(esbuild, 'pprof-format.cjs', { entryPoints: ['pprof-format'], format: 'cjs', minify: true });
}

/** Browser scripts: those of the pages that `report` writes, and what `serve` adds. */
async function bundlePageScripts(esbuild) {
  await bundleForBrowser(esbuild, 'serve-page.js', 'src/serve/client/main.ts');
  return bundleForBrowser(esbuild, 'report-page.js', 'src/report/html/client/main.ts');
}

function bundleForBrowser(esbuild, name, entry) {
  return bundle(esbuild, name, {
    entryPoints: [entry],
    format: 'iife',
    platform: 'browser',
    target: 'es2023',
    minify: true,
    // It is embedded in a script element: it must contain no `</script>`, and its bytes must be those that the policy
    // names.
    charset: 'ascii',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
}

function bundleReport(esbuild) {
  return bundleEntry(esbuild, 'report.cjs', { entryPoints: ['src/report/html/page.ts'], plugins: [largeOnesBeside] });
}

function bundleServe(esbuild) {
  return bundleEntry(esbuild, 'serve.cjs', { entryPoints: ['src/serve/pages.ts'], plugins: [largeOnesBeside] });
}

/** ECharts, for plot files. */
function bundlePlots(esbuild) {
  return bundleEntry(esbuild, 'plots.cjs', {
    entryPoints: ['src/report/plots/files.ts'],
    external: ['@resvg/resvg-js'],
    define: { 'process.env.NODE_ENV': '"production"', ...entryDefine },
  });
}

/** execa and pidusage are bundled; zod stays a dependency, since the types of a result are inferred from its schema. */
function bundleLibrary(esbuild) {
  return bundle(esbuild, 'index.js', {
    entryPoints: ['src/index.ts'],
    format: 'esm',
    external: ['zod'],
    plugins: [noGetconf],
    // Bundled CommonJS code (pidusage) requires Node's own modules. No source imports this name.
    banner: { js: "import { createRequire as r } from 'node:module';\nconst require = r(import.meta.url);" },
    define: nativeIds,
  });
}

function packageOf(input) {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? '' : readFileSync(join(root, folder, file), 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}

/** Bundled code is redistributed, and its licences must be passed on. */
function writeLicences(metafiles) {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = new Set(inputs.map(packageOf).filter((folder) => folder !== undefined));
  const texts = [...folders].sort().map(licenceOf);
  writeAtomically(join(dist, 'THIRD-PARTY-LICENSES.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`));
}

/** tsc leaves `./x.ts` in declarations, which compilers before 5.7 refuse. */
function importJs(file) {
  const text = readFileSync(file, 'utf8').replaceAll(/(['"]\.{1,2}\/[^'"\n]+)\.ts(?=['"])/g, '$1.js');
  writeFileSync(file, text);
}

function writeTypes() {
  const types = join(dist, 'types');
  const fresh = `${types}.${process.pid}`;
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'bin', 'tsconfig.json'), '--outDir', fresh], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new BuildError('the types were not made: tsc found errors', 'see the lines above');
  }

  for (const name of readdirSync(fresh, { recursive: true }).filter((file) => file.endsWith('.d.ts'))) {
    importJs(join(fresh, name));
  }

  rmSync(types, { recursive: true, force: true });
  renameSync(fresh, types);
  say('dist/types/');
}

function buildNative(program) {
  const target = join(dist, program.name);
  const stamp = `${target}.id`;
  const id = `${nativeId(program, root)}-${process.arch}`;
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === id) {
    return;
  }

  const linkage = compileNative(program, root, target, { warningsAreErrors: true });
  writeAtomically(stamp, id);
  say(`dist/${program.name}, ${linkage}`);
}

function buildHelper() {
  return buildNative(helper);
}

function buildAgent() {
  return buildNative(agent);
}

function buildExhaust() {
  return buildNative(exhaust);
}

async function importTools() {
  const missing = ['esbuild', 'typescript'].filter((name) => {
    try {
      require.resolve(`${name}/package.json`);
      return false;
    } catch {
      return true;
    }
  });
  return missing.length === 0 ? { esbuild: await import('esbuild') } : { missing };
}

function isBuilt() {
  return ['cli.cjs', 'guest.cjs', 'index.js', 'report-page.js'].every((name) => existsSync(join(dist, name)));
}

async function bundles({ esbuild, missing }) {
  if (missing === undefined) {
    writeLicences(
      await Promise.all(
        [
          ...[bundleCommand, bundleGuest, bundleGuestStart, bundleZod, bundleYaml, bundlePprof, bundleLibrary],
          ...[bundlePageScripts, bundleReport, bundleServe, bundlePlots],
        ].map((make) => make(esbuild)),
      ),
    );
  } else if (isBuilt()) {
    // `npm ci --omit=dev` after a build: a slim deployment of what was built.
    say(`${missing.join(' and ')} not installed (devDependencies): dist/ is kept as it was built before`);
  } else {
    throw new BuildError(
      `dist/ cannot be made: ${missing.join(' and ')} not installed (devDependencies)`,
      'run npm ci without --omit=dev and without NODE_ENV=production, or install the packed tarball',
    );
  }
}

/** If one step fails, the others are still built. */
async function attempt(step, tools) {
  try {
    await step(tools);
  } catch (error) {
    // esbuild has printed its own errors.
    if (error.hint === undefined && error.errors === undefined) {
      throw error;
    }

    process.stderr.write(`build: ${error.message}\n${error.hint === undefined ? '' : `hint: ${error.hint}\n`}`);
    process.exitCode = 1;
  }
}

mkdirSync(dist, { recursive: true });
const tools = await importTools();
for (const step of [
  bundles,
  buildHelper,
  buildAgent,
  buildExhaust,
  ...(tools.missing === undefined ? [writeTypes] : []),
]) {
  await attempt(step, tools);
}
