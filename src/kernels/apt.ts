/** Gets the newest kernel of a Debian suite with the system's apt and a separate state: the system stays unchanged. */

import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from '../errors.ts';
import {
  type Apt,
  aptFailure,
  downloadFailure,
  isMismatch,
  isSecurityGone,
  noSuchKernelPackage,
  packageGone,
} from './apt-failures.ts';
import { sha256Of } from './check.ts';
import type { DebNames } from './deb.ts';
import { entriesOf } from './folder.ts';
import { isOutOfSpace, noSpace, runTool, type ToolEnd } from './tools.ts';
import { isVersionOf } from './types.ts';
export type DebPackage = DebNames & Readonly<{ bytes: number; sha256: string }>;

export const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Writes apt's configuration and its list of sources into `folder`, which also holds the downloads. @throws SetupError
 * `no-keyring`.
 */
export function prepareApt(folder: string, options: Omit<Apt, 'folder' | 'config'>): Apt {
  const { keyring } = options.sources;
  if (!existsSync(keyring)) {
    throw new SetupError(
      'no-keyring',
      `Debian's signing keys are missing (${keyring})`,
      'install the package debian-archive-keyring, or use a local package or image: --deb FILE, --image FILE --modules DIR',
    );
  }
  for (const name of ['lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
  }
  const apt = { ...options, folder, config: join(folder, 'apt.conf') };
  writeFileSync(join(folder, 'sources.list'), sourcesList(apt));
  writeFileSync(apt.config, configText(apt.arch));
  return apt;
}

function sourcesList({ suite, sources, arch }: Omit<Apt, 'folder' | 'config'>): string {
  const options = `[arch=${arch} targets=Packages lang=none signed-by=${sources.keyring}]`;
  const line = (uri: string, name: string) => `deb ${options} ${uri} ${name} main\n`;
  const security = sources.security === null ? '' : line(sources.security, `${suite.codename}-security`);
  return line(sources.debian, suite.codename) + security;
}

// The kernels are old on purpose, so an expired list is no reason to reject it; a wrong signature is.
function configText(arch: Apt['arch']): string {
  return `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Update::Error-Mode "any";
#clear APT::Architectures;
APT::Architecture "${arch}";
APT::Architectures { "${arch}"; };
APT::Sandbox::User "root";
Acquire::Check-Valid-Until "false";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::status "/dev/null";
Dir::Cache::archives "archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
`;
}

// On the command line, because a path may contain what is special in apt.conf.
function placesIn(folder: string): string[] {
  const places = {
    'Dir::Etc::sourcelist': 'sources.list',
    'Dir::State::lists': 'lists',
    'Dir::Cache': 'cache',
  };
  return Object.entries(places).flatMap(([key, name]) => ['-o', `${key}=${join(folder, name)}`]);
}

/**
 * Fetches the lists. True if the mirror lacks the security suite, so that only the suite itself is known.
 * @throws SetupError `suite-gone`, `mirror-unreachable`, `bad-signature`, `no-space`, `apt-failed`.
 */
export async function updateLists(apt: Apt): Promise<boolean> {
  const ended = await run(apt, 'apt-get', ['update', '-q']);
  if (ended.code === 0) return false;
  if (!isOutOfSpace(ended) && isSecurityGone(ended, apt)) return true;
  throw aptFailure(ended, apt);
}

/** The newest kernel package of the suite, found through Debian's metapackage. @throws SetupError `no-such-package`. */
export async function newestPackage(apt: Apt): Promise<DebPackage> {
  const meta = `${apt.suite.meta ?? 'linux-image'}-${apt.arch}`;
  const depends = field(await show(apt, meta), 'Depends') ?? '';
  const [, name, version] = /(linux-image-[0-9][^\s,|]*) \(= ([^)\s]+)\)/.exec(depends) ?? [];
  if (name === undefined || version === undefined || !isVersionOf(version, apt.suite.name))
    throw noSuchKernelPackage(meta, apt.suite);
  return packageIn(await show(apt, `${name}=${version}`), name, apt);
}

/** The packages that a module for this kernel is built with. @throws SetupError `no-such-package`. */
export async function headersOf(apt: Apt, image: DebNames): Promise<DebPackage[]> {
  const name = image.package.replace('linux-image-', 'linux-headers-');
  const text = await show(apt, `${name}=${image.version}`);
  const own = packageIn(text, name, apt);
  const needs = [...(field(text, 'Depends') ?? '').matchAll(/(linux-headers-\S+-common|linux-kbuild-[^\s,]+)/g)];
  const others = needs.map(async ([need]) => {
    const exact = await show(apt, `${need}=${image.version}`);
    return packageIn(exact === '' ? await show(apt, need) : exact, need, apt);
  });
  return [own, ...(await Promise.all(others))];
}

function packageIn(text: string, name: string, apt: Apt): DebPackage {
  const [version, bytes, sha256] = [field(text, 'Version'), Number(field(text, 'Size')), field(text, 'SHA256')];
  if (version === null || sha256 === null || !Number.isSafeInteger(bytes)) throw noSuchKernelPackage(name, apt.suite);
  return { package: name, version, bytes, sha256 };
}

type DownloadOptions = Readonly<{
  /** The folder for it, which must exist; absent: that of the kernel's package, which it then holds alone. */
  into?: string;
  onBytes: (bytes: number) => void;
  inherits: readonly number[];
}>;

/**
 * Fetches a package, resuming an interrupted download; apt checks it against the signed lists. `inherits`: descriptors
 * that the download keeps open. Throws as updateLists().
 */
export async function download(
  apt: Apt,
  wanted: DebPackage,
  { into = apt.folder, onBytes, inherits }: DownloadOptions,
): Promise<Readonly<{ file: string; uri: string }>> {
  const uri = await uriOf(apt, wanted);
  const local = /^(?:file|copy):(?:\/\/)?(\/.*)$/.exec(uri)?.[1];
  if (local !== undefined) return { file: await localPackage(decodeURIComponent(local), wanted, apt), uri };
  const file = join(into, `${wanted.package}_${wanted.sha256.slice(0, 16)}.deb`);
  if (into === apt.folder) removeAllBut(into, file);
  const watch = setInterval(() => onBytes(sizeOf(file)), POLL_MS);
  try {
    // apt-get download would start over; this resumes a partial file.
    const helper = join(dirname(await methodsFolder(apt)), 'apt-helper');
    const args = ['download-file', uri, file, `SHA256:${wanted.sha256}`];
    const fetch = () => run(apt, 'apt-helper', args, { path: helper, inherits });
    const wasBegun = sizeOf(file) > 0;
    let ended = await fetch();
    if (wasBegun && isMismatch(ended)) {
      // The partial file may have been damaged.
      rmSync(file, { force: true });
      ended = await fetch();
    }
    if (ended.code !== 0) throw downloadFailure(ended, wanted.package, apt);
    return { file, uri };
  } finally {
    clearInterval(watch);
  }
}

// apt does not copy packages from the local file system.
async function localPackage(file: string, wanted: DebPackage, apt: Apt): Promise<string> {
  const sum = await sha256Of(file).catch(() => null);
  if (sum === wanted.sha256) return file;
  throw packageGone(wanted.package, apt, sum === null ? `no ${file}` : `${file} has another checksum`);
}

const POLL_MS = 200;

// Leftovers of the download of a version that is no longer the newest.
function removeAllBut(folder: string, file: string): void {
  for (const path of packagesIn(folder)) {
    if (path !== file) rmSync(path);
  }
}

/** The packages in a download's folder, complete or not. */
export function packagesIn(folder: string): string[] {
  return entriesOf(folder)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(folder, name));
}

/** Removes all that was fetched except a partial package, which the next download resumes. */
export function tidy(folder: string): void {
  const isBegun = (path: string) => path.endsWith('.deb') && sizeOf(path) > 0;
  const paths = entriesOf(folder).map((name) => join(folder, name));
  const rest = paths.some(isBegun) ? paths.filter((path) => !isBegun(path)) : [folder];
  for (const path of rest) rmSync(path, { recursive: true, force: true });
}

async function uriOf(apt: Apt, { package: name, version }: DebPackage): Promise<string> {
  const ended = await run(apt, 'apt-get', ['download', '--print-uris', `${name}=${version}`]);
  const uri = /^'([^']+)'/m.exec(ended.stdout.toString('utf8'))?.[1];
  if (uri === undefined) throw aptFailure(ended, apt);
  return uri;
}

async function methodsFolder(apt: Apt): Promise<string> {
  const { stdout } = await run(apt, 'apt-config', ['shell', 'METHODS', 'Dir::Bin::methods/f']);
  return /^METHODS='(.*)'$/m.exec(stdout.toString('utf8'))?.[1] ?? '/usr/lib/apt/methods';
}

/** Empty: the lists have no such package. @throws SetupError `no-space`. */
async function show(apt: Apt, name: string): Promise<string> {
  const ended = await run(apt, 'apt-cache', ['show', '--no-all-versions', name]);
  if (isOutOfSpace(ended)) throw noSpace(apt.folder);
  return ended.stdout.toString('utf8');
}

function field(text: string, name: string): string | null {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? null;
}

function run(
  { config, folder, signal }: Apt,
  tool: 'apt-get' | 'apt-cache' | 'apt-config' | 'apt-helper',
  args: readonly string[],
  options: { path?: string; inherits?: readonly number[] } = {},
): Promise<ToolEnd> {
  return runTool(tool, ['-c', config, ...placesIn(folder), ...args], { ...options, signal });
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
