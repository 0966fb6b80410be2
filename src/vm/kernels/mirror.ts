/** The newest kernel package of a Debian release, fetched from a mirror. */

import { SetupError } from '../../errors.ts';
import { quote } from '../../spec/quote.ts';
import { type AptSources, download, newestPackage, prepareApt, updateLists } from './apt.ts';
import { noMirror } from './apt-failures.ts';
import { hostArch } from './image.ts';
import type { Origin } from './manifest.ts';
import { configuredMirrors } from './sources.ts';
import { type Suite, suiteOf, suites } from './suites.ts';

export type Fetching = Readonly<{
  /** Keeps what was fetched: what is interrupted goes on with it. */
  folder: string;
  keyring: string;
  /** Descriptors that a download holds. */
  inherits: readonly number[];
  say: (text: string) => void;
  onDownload: (done: number, total: number) => void;
  signal: AbortSignal | undefined;
}>;

export type Fetched = Readonly<{
  file: string;
  /** Where it is from, for people. */
  source: string;
}>;

/**
 * `url` null: the mirrors that the system's apt is set up with. Null: the newest is the one that is `present`.
 * Throws SetupError `unknown-kernel`, `no-mirror`, `bad-mirror` and those of ./apt.ts.
 */
export async function fetchNewest(
  name: string,
  url: string | null,
  present: Origin,
  { folder, keyring, inherits, say, onDownload, signal }: Fetching,
): Promise<Fetched | null> {
  const suite = suiteOf(name);
  if (suite === null) throw unknownKernel(name);
  const sources = { ...(url === null ? await configured(signal) : mirrorsAt(url)), keyring };
  const arch = hostArch() === 'x86_64' ? 'amd64' : 'arm64';
  const apt = prepareApt(folder, { suite, sources, arch, signal });
  say(`reading the lists of ${titleOf(suite)} from ${sources.debian}`);
  const isSecurityGone = await updateLists(apt);
  if (sources.security === null || isSecurityGone) {
    say(`no ${suite.codename}-security there: the newest of ${suite.codename} itself is taken`);
  }
  const wanted = await newestPackage(apt);
  if (present?.sha256 === wanted.sha256) return null;
  say(`fetching ${wanted.package} ${wanted.version}`);
  const onBytes = (bytes: number) => onDownload(bytes, wanted.bytes);
  const { file, uri } = await download(apt, wanted, { onBytes, inherits });
  onBytes(wanted.bytes);
  return { file, source: `${suite.title}'s package from ${uri.replace(/\/pool\/.*/, '')}` };
}

function titleOf({ title, codename }: Suite): string {
  return `${title} (${codename})`;
}

async function configured(signal: AbortSignal | undefined): Promise<Omit<AptSources, 'keyring'>> {
  const { debian, security } = await configuredMirrors(signal);
  if (debian === null) throw noMirror();
  return { debian, security, securityIsGuessed: false };
}

/** Debian's own layout: `debian` and `debian-security` side by side; archives of it have it too. */
function mirrorsAt(url: string): Omit<AptSources, 'keyring'> {
  if (!/^[a-z][a-z0-9+.-]*:[^\s[\]"]+$/i.test(url)) {
    throw new SetupError(
      'bad-mirror',
      `${quote(url)} is no address of a mirror`,
      'give one such as https://MIRROR/debian',
    );
  }
  const security = url.replace(/\/debian(?=\/|$)/, '/debian-security');
  return { debian: url, security: security === url ? null : security, securityIsGuessed: true };
}

function unknownKernel(name: string): SetupError {
  const known = suites.map((suite) => suite.name).join(', ');
  return new SetupError(
    'unknown-kernel',
    `${quote(name)} is no kernel that is known by name: those are ${known}`,
    'add it by --deb FILE or by --image FILE --modules DIR',
  );
}
