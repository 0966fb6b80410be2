/** A box of the graph of kernel memory, and what its colours mean. */

import { formatSize } from '../../../text/figures.ts';
import { type Box, type Finder, nameOf } from '../../plots/profile-boxes.ts';
import type { Measure, MemoryNode, MemoryTree, PartType } from '../../plots/profile-tree.ts';
import { element } from './dom.ts';

/** Pixels: in a narrower box no name can be read, or no size besides it. */
const NAMED_WIDTH = 30;
const SIZED_WIDTH = 150;
/** No box is wide enough for more characters. */
const MOST_SHOWN = 300;

const LOOKS: Readonly<Record<PartType, string>> = {
  ...{ all: 'rest', kind: 'what', what: 'what', program: 'program', user: 'user', call: 'call', kernel: 'kernel' },
  ...{ smaller: 'rest', unlisted: 'rest', unexplained: 'rest' },
};

const LEGEND = [
  ['what', 'memory'],
  ['program', 'program'],
  ['user', 'function of the program'],
  ['call', 'system call'],
  ['kernel', 'function of the kernel'],
  ['rest', 'all, smaller parts, not listed, not explained'],
] as const;

type Drawn = Readonly<{
  tree: MemoryTree;
  measure: Measure;
  finder: Finder | null;
  zoomed: MemoryNode;
  /** Of the graph, in pixels. */
  width: number;
}>;

export function boxElement(box: Box, { tree, measure, finder, zoomed, width }: Drawn): HTMLElement {
  const { node, level } = box;
  const isFound = finder?.isFound(node) ?? false;
  const name = `${nameOf(tree, node, measure)}${isFound ? ', matches the search' : ''}`;
  const looks = [
    'box',
    LOOKS[node.part.type],
    ...(node.unseen === 'all' ? ['unseen'] : []),
    ...(isFound ? ['found'] : []),
    ...(node === zoomed ? ['zoomed'] : []),
  ];
  const pixels = box.width * width;
  const made = element(
    'div',
    { class: looks.join(' '), role: 'treeitem', 'aria-level': String(level + 1), 'aria-label': name, tabindex: '-1' },
    pixels < NAMED_WIDTH ? '' : node.part.name.slice(0, MOST_SHOWN),
  );
  if (pixels >= SIZED_WIDTH) made.append(element('small', {}, formatSize(node.amounts[measure].bytes)));
  made.style.left = `${box.left * 100}%`;
  made.style.width = `${box.width * 100}%`;
  made.style.top = `${level * 24}px`;
  return made;
}

export function legendOf({ root }: MemoryTree): HTMLElement {
  const list = element('ul', { class: 'legend', 'aria-label': 'Colours' });
  for (const [look, text] of LEGEND)
    list.append(element('li', {}, element('span', { class: `box ${look}`, 'aria-hidden': 'true' }), text));
  if (root.unseen !== 'none')
    list.append(
      element('li', {}, element('span', { class: 'box what unseen', 'aria-hidden': 'true' }), 'releases not seen'),
    );
  return list;
}
