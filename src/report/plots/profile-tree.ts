/** The rows of a profile as a tree of what they have in common. */

import type { ProfileRow } from '../../result/schema.ts';
import { visible } from '../../text/visible.ts';
import { type PackedRow, type ProfileData, stacksOf } from './profile-data.ts';

export type Measure = 'peak' | 'end' | 'total';
export type Amount = Readonly<{ objects: number; bytes: number }>;
export type Amounts = Readonly<Record<Measure, Amount>>;

/** `memory`: kind of memory, what it is used for, system call, callers. `program`: program, stack, what. */
export type Grouping = 'memory' | 'program';

export type PartType =
  | 'all'
  | 'kind'
  | 'what'
  | 'program'
  | 'user'
  | 'call'
  | 'kernel'
  /** Several that are too small for a box each. */
  | 'smaller'
  /** Rows that the result does not list. */
  | 'unlisted'
  /** Memory that the counter includes but no row. */
  | 'unexplained';

/** One per name: parts are compared by identity. `where`: the cache or the file; null: none. */
export type Part = Readonly<{ type: PartType; name: string; where: string | null }>;

export type MemoryRow = Readonly<{ path: readonly Part[]; amounts: Amounts; isCounted: boolean }>;

export type MemoryNode = Readonly<{
  part: Part;
  parent: MemoryNode | null;
  /** Where the paths of its rows continue. */
  depth: number;
  rows: readonly MemoryRow[];
  amounts: Amounts;
  /** Rows whose releases are not all seen. */
  unseen: 'none' | 'some' | 'all';
}>;

export type MemoryTree = Readonly<{
  root: MemoryNode;
  childrenOf: (node: MemoryNode) => readonly MemoryNode[];
}>;

export const KINDS: Readonly<Record<ProfileRow['kind'], string>> = {
  object: 'slab objects',
  pages: 'pages',
  stack: 'kernel stacks',
  percpu: 'per-CPU memory',
};

const NONE: Amount = { objects: 0, bytes: 0 };

export function treeOf(data: ProfileData, grouping: Grouping): MemoryTree {
  const root = nodeOf({ type: 'all', name: 'all', where: null }, null, 0, rowsOf(data, grouping));
  const known = new WeakMap<MemoryNode, readonly MemoryNode[]>();
  const childrenOf = (node: MemoryNode): readonly MemoryNode[] => {
    const children = known.get(node) ?? grouped(node);
    known.set(node, children);
    return children;
  };
  return { root, childrenOf };
}

function grouped(node: MemoryNode): MemoryNode[] {
  const { depth, rows } = node;
  const longer = rows.filter(({ path }) => path.length > depth);
  return [...Map.groupBy(longer, ({ path }) => path[depth])].flatMap(([part, own]) =>
    part === undefined ? [] : [nodeOf(part, node, depth + 1, own)],
  );
}

/** Several nodes with one parent as one, whose children they are. */
export function smallerOf(parent: MemoryNode, nodes: readonly MemoryNode[]): MemoryNode {
  const name = nodes.length === 1 ? '1 smaller part' : `${nodes.length} smaller parts`;
  return nodeOf(
    { type: 'smaller', name, where: null },
    parent,
    parent.depth,
    nodes.flatMap(({ rows }) => rows),
  );
}

function nodeOf(part: Part, parent: MemoryNode | null, depth: number, rows: readonly MemoryRow[]): MemoryNode {
  const unseen = rows.filter(({ isCounted }) => !isCounted).length;
  return {
    ...{ part, parent, depth, rows, amounts: sumOf(rows) },
    unseen: unseen === 0 ? 'none' : unseen === rows.length ? 'all' : 'some',
  };
}

export function sumOf(rows: readonly Readonly<{ amounts: Amounts }>[]): Amounts {
  const sum = { peak: { ...NONE }, end: { ...NONE }, total: { ...NONE } };
  for (const { amounts } of rows) {
    for (const measure of ['peak', 'end', 'total'] as const) {
      sum[measure].objects += amounts[measure].objects;
      sum[measure].bytes += amounts[measure].bytes;
    }
  }
  return sum;
}

function rowsOf(data: ProfileData, grouping: Grouping): MemoryRow[] {
  const part = partTable();
  const text = (at: number): string | null => data.texts[at] ?? null;
  const frames = (type: 'kernel' | 'user', unknown: string) =>
    data.frames.map(([name, file]) => part(type, name === '' ? unknown : name, text(file)));
  const kernelFrames = frames('kernel', 'unknown function');
  const userFrames = frames('user', 'code in no file');
  const stacks = stacksOf(data);
  const stackOf = (parts: readonly Part[], at: number): Part[] =>
    (stacks[at] ?? []).flatMap((frame) => parts[frame] ?? []);
  const rows = data.rows.map((row): MemoryRow => {
    const [kind, what, cache, comm, call, isCounted, , , , , , , kernel, user] = row;
    const whatPart = part('what', text(what) ?? '', text(cache));
    const callPart = part('call', text(call) ?? '', null);
    const [kernelStack, userStack] = [stackOf(kernelFrames, kernel), stackOf(userFrames, user)];
    const path =
      grouping === 'memory'
        ? [part('kind', KINDS[kind], null), whatPart, callPart, ...kernelStack.reverse(), ...userStack.reverse()]
        : [part('program', text(comm) ?? '', null), ...userStack, callPart, ...kernelStack, whatPart];
    return { path, amounts: amountsOf(row), isCounted: isCounted === 1 };
  });
  return [...rows, ...remainder(data, rows)];
}

function amountsOf([, , , , , , peakObjects, peakBytes, endObjects, endBytes, objects, bytes]: PackedRow): Amounts {
  return {
    peak: { objects: peakObjects, bytes: peakBytes },
    end: { objects: endObjects, bytes: endBytes },
    total: { objects, bytes },
  };
}

/** Rows that are not listed, and memory that no row explains: without them the shares would be too large. */
function remainder({ cut, usage }: ProfileData, rows: readonly MemoryRow[]): MemoryRow[] {
  const unlisted: MemoryRow = {
    path: [{ type: 'unlisted', name: 'parts that are not listed', where: null }],
    amounts: { peak: cut.atPeak, end: cut.atEnd, total: cut.total },
    isCounted: true,
  };
  const sum = sumOf([...rows, unlisted]);
  const unexplained = (measure: 'peak' | 'end'): Amount => ({
    objects: 0,
    bytes: Math.max(0, (usage[measure] ?? 0) - sum[measure].bytes),
  });
  const rest: MemoryRow = {
    path: [{ type: 'unexplained', name: 'not explained', where: null }],
    amounts: { peak: unexplained('peak'), end: unexplained('end'), total: NONE },
    isCounted: true,
  };
  return [unlisted, rest].filter(({ amounts }) =>
    Object.values(amounts).some(({ objects, bytes }) => objects + bytes > 0),
  );
}

/** Names come from programs: they are made visible once, here. */
function partTable(): (type: PartType, name: string, where: string | null) => Part {
  const parts = new Map<string, Part>();
  return (type, name, where) => {
    const key = `${type}\0${where ?? ''}\0${name}`;
    const known = parts.get(key);
    if (known !== undefined) return known;
    const made = { type, name: visible(name) || 'unnamed', where: where === null ? null : visible(where) };
    parts.set(key, made);
    return made;
  };
}
