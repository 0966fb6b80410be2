/** The Debian mirrors configured in the system's apt. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../errors.ts';
import { runTool } from './tools.ts';

export type KernelSource = Readonly<{
  uri: string;
  suite: string;
  components: readonly string[];
  /** The value of `signed-by`; null if missing. */
  signedBy: string | null;
}>;

export type Mirrors = Readonly<{
  /** Null if none is configured. */
  debian: string | null;
  security: string | null;
}>;

/** @throws SetupError `no-tool` if apt is not installed. */
export async function configuredMirrors(signal: AbortSignal | undefined): Promise<Mirrors> {
  return mirrorsAmong(await configuredSources(signal));
}

async function configuredSources(signal: AbortSignal | undefined): Promise<KernelSource[]> {
  const { stdout } = await runTool(
    'apt-config',
    ['shell', 'LIST', 'Dir::Etc::sourcelist/f', 'PARTS', 'Dir::Etc::sourceparts/d'],
    { signal },
  );
  const value = (name: string) => new RegExp(`^${name}='(.*)'$`, 'm').exec(stdout.toString('utf8'))?.[1] ?? null;
  const list = value('LIST');
  const parts = value('PARTS');
  const files = [...(list === null ? [] : [list]), ...(parts === null ? [] : partsIn(parts))];
  return files.flatMap((file) => {
    const text = readOrEmpty(file);
    return file.endsWith('.sources') ? parseDeb822(text) : parseOneLine(text);
  });
}

// Names with other characters are ignored, as in apt.
function partsIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^[A-Za-z0-9_.-]+\.(list|sources)$/.test(name))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EACCES') return '';
    throw error;
  }
}

/** `deb [arch=amd64 signed-by=FILE] URI SUITE COMPONENT…` */
export function parseOneLine(text: string): KernelSource[] {
  return text.split('\n').flatMap((line) => {
    const [, options = '', rest = ''] = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?([^#]*)/.exec(line) ?? [];
    const [uri, suite, ...components] = words(rest);
    if (uri === undefined || suite === undefined) return [];
    const signedBy = words(options).find((option) => option.startsWith('signed-by='));
    return [{ uri, suite, components, signedBy: signedBy?.slice('signed-by='.length) ?? null }];
  });
}

/** Paragraphs of `Types: deb`, `URIs: …`, `Suites: …`, `Components: …` as in sources.list(5). */
export function parseDeb822(text: string): KernelSource[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  return lines
    .join('\n')
    .split(/\n\s*\n/)
    .map(fieldsOf)
    .filter(
      (fields) =>
        words(fields.get('types') ?? '').includes('deb') &&
        !/^(no|false|0|off|without|disable)$/i.test(fields.get('enabled') ?? ''),
    )
    .flatMap((fields) => {
      const all = (name: string) => words(fields.get(name) ?? '');
      const signedBy = fields.get('signed-by') ?? null;
      const components = all('components');
      return all('uris').flatMap((uri) => all('suites').map((suite) => ({ uri, suite, components, signedBy })));
    });
}

function fieldsOf(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of paragraph.split(/\n(?=\S)/)) {
    const colon = field.indexOf(':');
    if (colon !== -1) fields.set(field.slice(0, colon).trim().toLowerCase(), field.slice(colon + 1).trim());
  }
  return fields;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

const RELEASES =
  /^(buster|bullseye|bookworm|trixie|forky|duke|sid|unstable|testing|stable|oldstable|oldoldstable)(-security|\/updates|-updates|-proposed-updates|-backports)?$/;

/**
 * Third-party repositories also use Debian's suite names: a Debian mirror is recognised by its keyring, or by `debian`
 * in the last part of its address together with Debian's own component.
 */
export function mirrorsAmong(sources: readonly KernelSource[]): Mirrors {
  const debian = sources
    .filter(
      ({ uri, suite, components }) => !uri.startsWith('cdrom:') && RELEASES.test(suite) && components.includes('main'),
    )
    .filter(({ uri, signedBy }) => hasDebianKeyring(signedBy) || /debian[^/]*\/*$/.test(uri))
    .sort((a, b) => Number(hasDebianKeyring(b.signedBy)) - Number(hasDebianKeyring(a.signedBy)));
  return {
    debian: debian.find((source) => !isSecurity(source))?.uri ?? null,
    security: debian.find(isSecurity)?.uri ?? null,
  };
}

function hasDebianKeyring(signedBy: string | null): boolean {
  return signedBy?.includes('debian-archive-') ?? false;
}

function isSecurity({ suite }: KernelSource): boolean {
  return /-security$|\/updates$/.test(suite);
}
