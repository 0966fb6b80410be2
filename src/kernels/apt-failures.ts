/** Errors of apt, reworded so that a user can act on them. */

import { SetupError } from '../errors.ts';
import { isOutOfSpace, noSpace, reasonIn, type ToolEnd } from './tools.ts';
import type { Suite } from './types.ts';

const OTHER_WAYS = 'use another mirror with --mirror URL, or local files with --deb FILE or --image FILE --modules DIR';

const GONE = /does not have a Release file| (?:404|410) {2}|File not found/;
const WRONG =
  /NO_PUBKEY|signatures? (?:couldn't be|were) |GPG error|EXPKEYSIG|BADSIG|isn't valid|Hash Sum mismatch|unexpected size/;
const UNREACHABLE = / (?!404|410)[45]\d\d {2}|Could not|Temporary failure|Connection|timed out|Error reading/;

/** Whether a fetched file does not match the lists. */
export function isMismatch({ code, stderr }: ToolEnd): boolean {
  return code !== 0 && /Hash Sum mismatch|unexpected size/.test(stderr);
}

export function aptFailure(ended: ToolEnd, { suite, sources: { debian }, folder }: Apt): SetupError {
  if (isOutOfSpace(ended)) return noSpace(folder);
  const { stderr } = ended;
  const reason = reasonIn(ended);
  if (WRONG.test(stderr)) return badSignature(reason);
  // For a file it cannot fetch, apt also reports a missing Release file and a missing signature.
  if (UNREACHABLE.test(stderr)) {
    const message = `the mirror ${debian} cannot be reached or does not respond (apt: ${reason})`;
    return new SetupError('mirror-unreachable', message, `try again, or ${OTHER_WAYS}`);
  }
  if (GONE.test(stderr)) {
    return new SetupError(
      'suite-gone',
      `the mirror ${debian} no longer carries ${suite.title} (${suite.codename}) (apt: ${reason})`,
      OTHER_WAYS,
    );
  }
  if (/is not signed/.test(stderr)) return badSignature(reason);
  return new SetupError('apt-failed', `apt failed: ${reason}`, OTHER_WAYS);
}

function badSignature(reason: string): SetupError {
  return new SetupError(
    'bad-signature',
    `the files from the mirror do not match Debian's signatures (apt: ${reason})`,
    OTHER_WAYS,
  );
}

/** For a package that the mirror's lists name. */
export function downloadFailure(ended: ToolEnd, name: string, apt: Apt): SetupError {
  if (isOutOfSpace(ended) || !GONE.test(ended.stderr)) return aptFailure(ended, apt);
  return packageGone(name, apt, `apt: ${reasonIn(ended)}`);
}

export function packageGone(name: string, { sources: { debian } }: Apt, reason: string): SetupError {
  return new SetupError(
    'package-gone',
    `the mirror ${debian} lists ${name} but does not provide it (${reason})`,
    OTHER_WAYS,
  );
}

/**
 * Whether only the security suite failed, and only because the mirror lacks it; if its address is a guess, for any
 * reason except a wrong signature.
 */
export function isSecurityGone({ stderr }: ToolEnd, { suite, sources }: Apt): boolean {
  const problems = stderr.split('\n').filter((line) => /^(E|W|Err):/.test(line) && !/^E: Some index files/.test(line));
  const isOnlySecurity = problems.every((line) => line.includes(`${suite.codename}-security`));
  const isGone = sources.securityIsGuessed ? !WRONG.test(stderr) : problems.every((line) => GONE.test(line));
  return problems.length > 0 && isOnlySecurity && isGone;
}

export function noMirror(): SetupError {
  return new SetupError(
    'no-mirror',
    "this system's apt has no Debian mirror",
    'name one with --mirror URL, such as https://MIRROR/debian, or use --deb FILE or --image FILE --modules DIR',
  );
}

export function noSuchKernelPackage(name: string, suite: Suite): SetupError {
  return new SetupError(
    'no-such-package',
    `${suite.title} (${suite.codename}) on the mirror has no usable package ${name}`,
    OTHER_WAYS,
  );
}

export type Apt = Readonly<{
  suite: Suite;
  sources: AptSources;
  /** Debian's name for the machine. */
  arch: 'amd64' | 'arm64';
  folder: string;
  config: string;
  signal: AbortSignal | undefined;
}>;

export type AptSources = Readonly<{
  debian: string;
  security: string | null;
  /** True if nothing confirms that the address mirrors the security suite. */
  securityIsGuessed: boolean;
  keyring: string;
}>;
