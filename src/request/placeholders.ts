import { nearest } from '../text/nearest.ts';
import type { Path } from './expect-key.ts';

export type PlaceholderValues = Readonly<{
  /** The private folder of the run. */
  dir: string;
  /** The folder of the scenario file. */
  here: string;
  /** A free port for this name; the same on each call. Null: the port of `${port}`. */
  port: (name: string | null) => number;
}>;

export type Unknown = Readonly<{ path: Path; text: string; hint: string }>;

const PLACEHOLDER = /\$(\$?)\{([^{}]*)\}/g;
const PORT = /^port(?:\.([A-Za-z_][\w-]*))?$/;
const KNOWN = ['dir', 'here', 'port'];
const FORMS = 'use ${dir}, ${here}, ${port} or ${port.NAME}; $${ stands for ${';
/** A shell reads these, with its own variables. */
const IN_SHELL = new Set(['run', 'setUp', 'cleanUp', 'env']);

/** The value with all placeholders filled in, keys as they are. */
export function fill<T>(value: T, values: PlaceholderValues): T {
  return mapTexts(value, [], (text) =>
    text.replace(PLACEHOLDER, (whole, doubled: string, name: string) => {
      if (doubled !== '') return whole.slice(1);
      return filled(name, values) ?? whole;
    }),
  ) as T;
}

/** Values of the right form, to check strings with placeholders before a run has its own values. */
export function standIns(): PlaceholderValues {
  const ports = new Map<string | null, number>();
  const port = (name: string | null): number => {
    if (!ports.has(name)) ports.set(name, FIRST_STAND_IN + ports.size);
    return ports.get(name) ?? 0;
  };
  return { dir: '/', here: '/', port };
}

const FIRST_STAND_IN = 20_000;

/** Whether the text contains a placeholder. */
export function holdsPlaceholder(text: string): boolean {
  return fill(text, standIns()) !== text;
}

/** The names of all requested ports; null means `${port}`. */
export function portNames(value: unknown): Set<string | null> {
  const names = new Set<string | null>();
  const port = (name: string | null): number => {
    names.add(name);
    return 0;
  };
  fill(value, { dir: '', here: '', port });
  return names;
}

/** Placeholders without a meaning, unless a shell would interpret them. */
export function unknownPlaceholders(value: unknown): Unknown[] {
  const found: Unknown[] = [];
  mapTexts(value, [], (text, path) => {
    const inShell = path.some((part) => typeof part === 'string' && IN_SHELL.has(part));
    for (const [whole, doubled, name = ''] of text.matchAll(PLACEHOLDER)) {
      if (doubled !== '' || isKnown(name) || (inShell && !looksMeant(name, text))) continue;
      const meant = nearest(name.split('.')[0] ?? '', KNOWN);
      found.push({ path, text: whole, hint: meant === null ? FORMS : `did you mean \${${meant}}? ${FORMS}` });
    }
    return text;
  });
  return found;
}

function filled(name: string, { dir, here, port }: PlaceholderValues): string | null {
  if (name === 'dir') return dir;
  if (name === 'here') return here;
  const match = PORT.exec(name);
  return match === null ? null : String(port(match[1] ?? null));
}

function isKnown(name: string): boolean {
  return name === 'dir' || name === 'here' || PORT.test(name);
}

/** `${prot}` in a line that sets no such variable, or `${port.}`. */
function looksMeant(name: string, text: string): boolean {
  if (/^(port|dir|here)\./.test(name)) return true;
  if (!/^[a-z]{2,6}$/.test(name) || new RegExp(`\\b${name}\\b(?=\\s*(=|in\\b))|read\\b[^;|&]*\\b${name}\\b`).test(text))
    return false;
  return nearest(name, KNOWN) !== null;
}

function mapTexts(value: unknown, path: Path, change: (text: string, path: Path) => string): unknown {
  if (typeof value === 'string') return change(value, path);
  if (Array.isArray(value)) return value.map((item, index) => mapTexts(item, [...path, index], change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, [...path, key], change)]));
}
