import { type Exit, exitStatus } from '../host/exit-status.ts';
import { nearest } from '../text/nearest.ts';

export type Path = readonly (string | number)[];

/** A value; anything below; an array of one shape; an object with these keys. */
export type Shape = 'leaf' | 'free' | Readonly<{ each: Shape }> | Keys;
type Keys = Readonly<{ keys: Readonly<Record<string, Shape>> }>;

function leaves(...names: string[]): Keys {
  return {
    keys: Object.fromEntries(names.map((name) => [name, 'leaf' as const])),
  };
}

function list(each: Shape): Shape {
  return { each };
}

const COUNTER = leaves('usage', 'maxUsage', 'failcnt');
const EXIT = leaves('code', 'signal');

const STEP: Keys = {
  keys: {
    ...leaves(
      'name',
      'kind',
      'command',
      'background',
      'stopped',
      'atMs',
      'wallMs',
      'readyMs',
      'failcnt',
      'kmemMaxUsage',
      'kmemUsage',
    ).keys,
    ...leaves('stdout', 'stderr', 'error').keys,
    exit: EXIT,
    limits: leaves('kmem', 'mem', 'memsw', 'kmemTcp', 'pids'),
    http: leaves('status', 'body', 'attempts'),
  },
};

/** What an expectation may query; a test keeps it equal to the schema. */
// Closed only where a misspelling could never hold; `free` leaves room for keys that are added later.
export const RESULT: Readonly<Record<string, Shape>> = {
  exit: EXIT,
  stdout: 'leaf',
  stderr: 'leaf',
  outcome: 'leaf',
  terminationReason: 'leaf',
  error: 'free',
  durations: leaves('wallMs', 'userMs', 'systemMs'),
  limits: 'free',
  kmem: {
    keys: {
      ...leaves('usage', 'maxUsage', 'maxUsageSource', 'failcnt', 'overshoot', 'uncertainty').keys,
      parts: 'free',
    },
  },
  mem: leaves('usage', 'maxUsage', 'failcnt', 'oomKills', 'oomKillAtMs'),
  memsw: COUNTER,
  kmemTcp: COUNTER,
  pids: leaves('max', 'failcnt'),
  enforcement: 'free',
  failures: list('free'),
  failureCounts: list('free'),
  injections: 'free',
  crashes: 'free',
  escapes: 'free',
  steps: list(STEP),
  leftover: list('free'),
  orphans: list('free'),
  ending: leaves('rule', 'reason', 'waitedMs'),
  samples: list('free'),
  profile: 'free',
  warnings: list('leaf'),
  environment: 'free',
  spec: 'free',
  schemaVersion: 'leaf',
  id: 'leaf',
  startedAt: 'leaf',
};

/** Shorthands and the kernel's own names, each mapped to a path of the result. */
const SHORTHANDS: Readonly<Record<string, Path>> = {
  failcnt: ['kmem', 'failcnt'],
  overshoot: ['kmem', 'overshoot'],
  maxUsage: ['kmem', 'maxUsage'],
};

/** What may be queried of one step, and its shorthands. */
const STEP_SHORTHANDS: Readonly<Record<string, Path>> = {
  status: ['http', 'status'],
  body: ['http', 'body'],
  maxUsage: ['kmemMaxUsage'],
};

type Root = Readonly<{ shape: Keys; shorthands: Readonly<Record<string, Path>> }>;

const WHOLE: Root = { shape: { keys: RESULT }, shorthands: SHORTHANDS };
const OF_STEP: Root = { shape: STEP, shorthands: STEP_SHORTHANDS };

/** The first words that an expectation may start with. */
export const FIRST_KEYS: readonly string[] = [...Object.keys(RESULT), ...Object.keys(SHORTHANDS)];

/** The index of the segment that does not exist and what is valid there, or the path as the result spells it. */
export type Resolved = Readonly<{ path: Path }> | Readonly<{ wrong: number; expected: string }>;

/** Finds a written path in the result; the kernel's spelling (`kmem.max_usage`, `kmem.tcp.failcnt`) is translated. */
export function resolvePath(written: Path): Resolved {
  return resolveFrom(written, WHOLE);
}

/** The same for a path that starts at a step; the path found starts at the result. */
export function resolveStepPath(written: Path, step: number): Resolved {
  const found = resolveFrom(written, OF_STEP);
  return 'path' in found ? { path: ['steps', step, ...found.path] } : found;
}

function resolveFrom(written: Path, root: Root): Resolved {
  const path: (string | number)[] = [];
  let shape: Shape = root.shape;
  for (const [index, segment] of written.entries()) {
    // memory.kmem.tcp.* is a separate counter, not a part of memory.kmem.*
    if (index === 1 && path[0] === 'kmem' && segment === 'tcp') {
      [path[0], shape] = ['kmemTcp', COUNTER];
      continue;
    }
    const next = child(shape, segment, index === 0 ? root : null);
    if ('expected' in next) return { wrong: index, expected: next.expected };
    path.push(...next.path);
    shape = next.shape;
  }
  // An array or a step cannot be compared, only its parts.
  if (isList(shape)) return { wrong: written.length, expected: '"[index]" or ".length"' };
  return { path };
}

type Child = Readonly<{ path: Path; shape: Shape }> | Readonly<{ expected: string }>;

function child(shape: Shape, segment: string | number, root: Root | null): Child {
  if (shape === 'free') return { path: [segment], shape };
  if (shape === 'leaf') return { expected: 'an operator: the value has no parts' };
  if (isList(shape)) {
    if (typeof segment === 'number') return { path: [segment], shape: shape.each };
    return segment === 'length' ? { path: [segment], shape: 'leaf' } : { expected: '"[index]" or ".length"' };
  }
  if (typeof segment === 'number') return { expected: 'a name, not an index' };
  const shorthands = root?.shorthands ?? {};
  const shorthand = own(shorthands, segment) ?? own(shorthands, camelCase(segment));
  if (shorthand) return { path: shorthand, shape: 'leaf' };
  for (const name of [segment, camelCase(segment)]) {
    const found = own(shape.keys, name);
    if (found !== undefined) return { path: [name], shape: found };
  }
  return { expected: expectedName(segment, [...Object.keys(shape.keys), ...Object.keys(shorthands)]) };
}

function expectedName(segment: string, known: readonly string[]): string {
  const near = nearest(camelCase(segment), known);
  return near === null ? `one of ${known.join(', ')}` : `"${near}"`;
}

function isList(shape: Shape): shape is Readonly<{ each: Shape }> {
  return typeof shape === 'object' && 'each' in shape;
}

// max_usage_in_bytes → maxUsage
function camelCase(name: string): string {
  return name.replace(/_in_bytes$/, '').replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The step whose exit a path names (`exit` is that of step 0), or null. */
export function stepOfExit(path: Path): number | null {
  if (path[0] === 'exit') return 0;
  return path[0] === 'steps' && path[2] === 'exit' && typeof path[1] === 'number' ? path[1] : null;
}

/** The step whose end a path refers to: its exit, or the response it received. Null: none. */
export function stepOfEnd(path: Path): number | null {
  const [first, index, key, part] = path;
  const isAnswer = key === 'error' || (key === 'http' && part === 'status');
  return first === 'steps' && typeof index === 'number' && isAnswer ? index : stepOfExit(path);
}

/** True for `exit` and `steps[n].exit` themselves, which read as a status (exitStatus). */
export function isExitStatus(path: Path): boolean {
  return stepOfExit(path) !== null && path.at(-1) === 'exit';
}

/** The value at a path of a result; null if there is none or it is unknown. */
export function lookUp(result: object, path: Path): unknown {
  const firstStep = path[0] === 'exit' && walk(result, ['steps', 0]) !== null;
  const found = walk(result, firstStep ? ['steps', 0, ...path] : path);
  if (!isExitStatus(path) || found === null || typeof found !== 'object') return found;
  const { code = null, signal = null } = found as Partial<Exit>;
  return exitStatus({ code, signal });
}

function walk(from: unknown, path: Path): unknown {
  let at = from;
  for (const segment of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, segment)) return null;
    at = (at as Record<string | number, unknown>)[segment];
  }
  return at ?? null;
}
