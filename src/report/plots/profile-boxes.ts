/** The boxes of a profile's graph: where they are, what they are called, which of them a search finds. */

import { counted, formatSize, groupDigits } from '../../text/figures.ts';
import { type Amount, type Measure, type MemoryNode, type MemoryTree, type Part, smallerOf } from './profile-tree.ts';

/** `left` and `width` are shares of the graph's width. */
export type Box = Readonly<{ node: MemoryNode; level: number; left: number; width: number }>;

export const OF_WHAT: Readonly<Record<Measure, string>> = {
  peak: 'of the peak',
  end: 'of what is left',
  total: 'of the total',
};

/** A box below this share of the graph is merged with others. */
export const LEAST_SHARE = 0.001;

/** So that to zoom into merged parts always shows more. */
const MERGED_SHARE = 0.1;

/** Parents before their children; the ancestors of `zoomed` have the full width. */
export function boxesOf(
  tree: MemoryTree,
  { measure, zoomed, least = LEAST_SHARE }: Readonly<{ measure: Measure; zoomed: MemoryNode; least?: number }>,
): Box[] {
  const above = ancestorsOf(zoomed);
  const boxes: Box[] = above.map((node, level) => ({ node, level, left: 0, width: 1 }));
  const place = (node: MemoryNode, level: number, left: number, width: number): void => {
    boxes.push({ node, level, left, width });
    if (node.part.type === 'smaller' && node !== zoomed) return;
    const shareOf = ({ amounts }: MemoryNode) => (width * amounts[measure].bytes) / node.amounts[measure].bytes;
    let at = left;
    for (const child of mergedChildren(tree, node, { measure, isSmall: (one) => shareOf(one) < least })) {
      place(child, level + 1, at, shareOf(child));
      at += shareOf(child);
    }
  };
  place(zoomed, above.length, 0, 1);
  return boxes;
}

/** Outermost first. */
export function ancestorsOf({ parent }: MemoryNode): MemoryNode[] {
  return parent === null ? [] : [...ancestorsOf(parent), parent];
}

function mergedChildren(
  tree: MemoryTree,
  node: MemoryNode,
  { measure, isSmall }: Readonly<{ measure: Measure; isSmall: (child: MemoryNode) => boolean }>,
): MemoryNode[] {
  const bytesOf = ({ amounts }: MemoryNode) => amounts[measure].bytes;
  const children = tree
    .childrenOf(node)
    .filter((child) => bytesOf(child) > 0)
    .toSorted((a, b) => Number(isRest(a)) - Number(isRest(b)) || bytesOf(b) - bytesOf(a));
  const merged: MemoryNode[] = [];
  let group: MemoryNode[] = [];
  let bytes = 0;
  const small = children.filter(isSmall);
  for (const [at, child] of small.entries()) {
    group.push(child);
    bytes += bytesOf(child);
    if (bytes < MERGED_SHARE * bytesOf(node) && at < small.length - 1) continue;
    merged.push(smallerOf(node, group));
    [group, bytes] = [[], 0];
  }
  return [...children.filter((child) => !isSmall(child)), ...merged];
}

function isRest({ part: { type } }: MemoryNode): boolean {
  return type === 'unlisted' || type === 'unexplained';
}

/** Merged parts are made anew for each drawing. */
export function isSameNode(a: MemoryNode, b: MemoryNode): boolean {
  if (a === b) return true;
  return a.part.type === 'smaller' && b.part.type === 'smaller' && a.parent === b.parent && a.rows[0] === b.rows[0];
}

export function shareText(bytes: number, whole: number): string {
  if (whole === 0) return '0 %';
  const percent = (bytes / whole) * 100;
  if (bytes > 0 && percent < 0.1) return 'less than 0.1 %';
  return `${Math.round(percent * 10) / 10} %`;
}

/** `vfs_write, 12 KiB, 3 objects, 8 % of the peak`. */
export function nameOf(tree: MemoryTree, node: MemoryNode, measure: Measure): string {
  const { bytes } = node.amounts[measure];
  return [
    node.part.name,
    amountText(node, measure),
    `${shareText(bytes, tree.root.amounts[measure].bytes)} ${OF_WHAT[measure]}`,
    ...unseenText(node),
  ].join(', ');
}

function amountText({ part, amounts }: MemoryNode, measure: Measure): string {
  const { bytes, objects } = amounts[measure];
  return part.type === 'unexplained' ? formatSize(bytes) : `${formatSize(bytes)}, ${counted(objects, 'object')}`;
}

function unseenText({ unseen }: MemoryNode): string[] {
  if (unseen === 'none') return [];
  return [unseen === 'all' ? 'releases not seen' : 'releases partly not seen'];
}

/** All figures, exactly. */
export function detailsOf(tree: MemoryTree, node: MemoryNode): [label: string, value: string][] {
  const { part, amounts } = node;
  const figure = ({ bytes, objects }: Amount, whole: number): string => {
    const exact = bytes < 1024 ? '' : ` (${groupDigits(bytes)})`;
    const share = bytes === 0 ? '' : `, ${shareText(bytes, whole)}`;
    return `${formatSize(bytes)}${exact}${part.type === 'unexplained' ? '' : `, ${counted(objects, 'object')}`}${share}`;
  };
  const whole = tree.root.amounts;
  return [
    ...(part.where === null ? [] : [[part.type === 'what' ? 'cache' : 'file', part.where] as [string, string]]),
    ['at the peak', figure(amounts.peak, whole.peak.bytes)],
    ['left at the end', figure(amounts.end, whole.end.bytes)],
    ...(part.type === 'unexplained'
      ? []
      : [['allocated in total', figure(amounts.total, whole.total.bytes)] as [string, string]]),
    ...unseenText(node).map((text): [string, string] => [
      text,
      'the figures at the peak and at the end may be too high',
    ]),
  ];
}

export type Finder = Readonly<{ hasPart: (part: Part) => boolean; isFound: (node: MemoryNode) => boolean }>;

/** Ignores case; a file or a cache is searched too. Null: nothing to search. */
export function finderOf(text: string): Finder | null {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return null;
  const known = new Map<Part, boolean>();
  const hasPart = (part: Part): boolean => {
    const found = known.get(part) ?? `${part.name}\n${part.where ?? ''}`.toLowerCase().includes(wanted);
    known.set(part, found);
    return found;
  };
  const isFound = ({ part, rows, depth }: MemoryNode): boolean => {
    if (part.type === 'all') return false;
    return part.type === 'smaller' ? rows.some(({ path }) => path.slice(depth).some(hasPart)) : hasPart(part);
  };
  return { hasPart, isFound };
}

/** Each row once, whichever of its parts is found. */
export function foundAmount({ root }: MemoryTree, { hasPart }: Finder, measure: Measure): Amount {
  return root.rows
    .filter(({ path }) => path.some(hasPart))
    .reduce(
      (sum, { amounts }) => ({
        objects: sum.objects + amounts[measure].objects,
        bytes: sum.bytes + amounts[measure].bytes,
      }),
      { objects: 0, bytes: 0 },
    );
}
