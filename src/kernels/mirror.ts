/** The newest kernel package of a Debian release, fetched from a mirror. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { quote } from '../text/quote.ts';
import { type DebPackage, download, headersOf, newestPackage, prepareApt, updateLists } from './apt.ts';
import { type Apt, type AptSources, noMirror } from './apt-failures.ts';
import { sha256Of } from './check.ts';
import { entriesOf } from './folder.ts';
import { hostArch } from './image.ts';
import { configuredMirrors } from './sources.ts';
import { isVersionOf, type Suite, suites, suitesFor } from './types.ts';

export type Fetching = Readonly<{
  /** Holds the downloads, so that an interrupted one can be resumed. */
  folder: string;
  keyring: string;
  /** Descriptors that a download keeps open. */
  inherits: readonly number[];
  say: (text: string) => void;
  onDownload: (done: number, total: number) => void;
  signal: AbortSignal | undefined;
}>;

export type Fetched = Readonly<{
  file: string;
  /** The source, as shown to users. */
  source: string;
}>;

export type Newest = Readonly<{
  /** SHA-256 of its package. */
  sha256: string;
  fetch: () => Promise<Fetched>;
  /** The packages of its headers, saved in a folder that exists. */
  fetchHeaders: (into: string) => Promise<string[]>;
}>;

/**
 * `url` null: the mirrors configured in the system's apt.
 * @throws SetupError `unknown-kernel`, `no-mirror`, `bad-mirror` and those of ./apt.ts; fetching as well.
 */
export async function findNewest(name: string, url: string | null, fetching: Fetching): Promise<Newest> {
  const { inherits, say, onDownload } = fetching;
  const { apt, wanted } = await findPackage(name, url, fetching);
  return {
    sha256: wanted.sha256,
    fetch: async () => {
      say(`fetching ${wanted.package} ${wanted.version}`);
      const onBytes = (bytes: number) => onDownload(bytes, wanted.bytes);
      const { file, uri } = await download(apt, wanted, { onBytes, inherits });
      onBytes(wanted.bytes);
      return { file, source: `${apt.suite.title}'s package from ${uri.replace(/\/pool\/.*/, '')}` };
    },
    fetchHeaders: async (into) => {
      const files: string[] = [];
      for (const each of await headersOf(apt, wanted)) {
        files.push((await download(apt, each, { into, onBytes: () => {}, inherits })).file);
      }
      return files;
    },
  };
}

type Found = Readonly<{ apt: Apt; wanted: DebPackage }>;

async function findPackage(name: string, url: string | null, fetching: Fetching): Promise<Found> {
  const suites = suitesFor(name, cLibrary());
  if (suites.length === 0) throw unknownKernel(name);
  const sources = { ...(url === null ? await configured(fetching.signal) : mirrorsAt(url)), keyring: fetching.keyring };
  for (const suite of suites.slice(0, -1)) {
    try {
      return await findIn(suite, sources, fetching);
    } catch (error) {
      if (!(error instanceof SetupError && ['no-such-package', 'suite-gone'].includes(error.code))) throw error;
    }
  }
  return findIn(suites.at(-1) as Suite, sources, fetching);
}

async function findIn(suite: Suite, sources: AptSources, { folder, say, signal }: Fetching): Promise<Found> {
  const arch = hostArch() === 'x86_64' ? 'amd64' : 'arm64';
  const apt = prepareApt(folder, { suite, sources, arch, signal });
  say(`reading the lists of ${titleOf(suite)} from ${sources.debian}`);
  const isSecurityGone = await updateLists(apt);
  if (sources.security === null || isSecurityGone) {
    say(`the mirror has no ${suite.codename}-security: using the newest kernel of ${suite.codename}`);
  }
  return { apt, wanted: await newestPackage(apt) };
}

/** The version of this machine's C library; null if it is another one. */
function cLibrary(): string | null {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? null;
}

function titleOf({ title, codename }: Suite): string {
  return `${title} (${codename})`;
}

async function configured(signal: AbortSignal | undefined): Promise<Omit<AptSources, 'keyring'>> {
  const { debian, security } = await configuredMirrors(signal);
  if (debian === null) throw noMirror();
  return { debian, security, securityIsGuessed: false };
}

/** Debian's own layout: `debian` and `debian-security` side by side; archives of Debian use it too. */
function mirrorsAt(url: string): Omit<AptSources, 'keyring'> {
  if (!/^[a-z][a-z0-9+.-]*:[^\s[\]"]+$/i.test(url)) {
    throw new SetupError(
      'bad-mirror',
      `${quote(url)} is not the address of a mirror`,
      'use an address such as https://MIRROR/debian',
    );
  }
  const security = url.replace(/\/debian(?=\/|$)/, '/debian-security');
  return { debian: url, security: security === url ? null : security, securityIsGuessed: true };
}

function unknownKernel(name: string): SetupError {
  const known = suites.map((suite) => suite.name).join(', ');
  return new SetupError(
    'unknown-kernel',
    `unknown kernel: ${quote(name)} (known names: ${known})`,
    'add the kernel with --deb FILE or with --image FILE --modules DIR',
  );
}

export type Fallback = Readonly<{ name: string; image: string; modules: string; sums: string; folder: string }>;

const SUFFIX = '-debian';

/** The newest kernel of this name in the fallback folder; null if there is none or no folder is configured. */
export function findFallback(name: string): Fallback | null {
  const kept = process.env.KMEM_RUN_KERNELS;
  if (!kept) return null;
  const newest = entriesOf(kept)
    .filter((entry) => entry.endsWith(SUFFIX) && isVersionOf(entry.slice(0, -SUFFIX.length), name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
  if (newest === undefined) return null;
  const folder = join(kept, newest);
  return {
    name: newest,
    folder,
    image: join(folder, 'vmlinuz'),
    modules: join(folder, 'modules'),
    sums: join(folder, 'SHA256SUMS'),
  };
}

/**
 * @throws SetupError `wrong-checksum` unless each file that SHA256SUMS lists exists and matches, the image among them.
 */
export async function checkSums({ sums, folder, image }: Fallback): Promise<void> {
  const lines = [...readSums(sums).matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)];
  const listed = lines.map(([, sum = '', path = '']) => ({ sum, path: join(folder, path) }));
  if (!listed.some(({ path }) => path === image)) throw wrong(sums, `it does not list ${image}`);
  for (const { sum, path } of listed) {
    const found = await sha256Of(path).catch((error: unknown) => wrong(sums, `${path}: ${errnoOf(error)}`));
    if (found instanceof SetupError) throw found;
    if (found !== sum) throw wrong(sums, `${path} has the checksum ${found}`);
  }
}

function readSums(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw wrong(file, errnoOf(error) ?? 'it cannot be read');
  }
}

function wrong(sums: string, reason: string): SetupError {
  return new SetupError(
    'wrong-checksum',
    `the saved kernel does not match ${sums}: ${reason}`,
    'repair the folder that KMEM_RUN_KERNELS names, or unset the variable',
  );
}
