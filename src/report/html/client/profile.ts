/** Where kernel memory went, as a graph of boxes: the switches, the search, the keyboard. */

import { counted, formatSize } from '../../../text/figures.ts';
import {
  ancestorsOf,
  type Box,
  boxesOf,
  detailsOf,
  type Finder,
  finderOf,
  foundAmount,
  isSameNode,
  LEAST_SHARE,
  OF_WHAT,
  shareText,
} from '../../plots/profile-boxes.ts';
import type { ProfileData } from '../../plots/profile-data.ts';
import { type Grouping, type Measure, type MemoryNode, type MemoryTree, treeOf } from '../../plots/profile-tree.ts';
import { boxElement, legendOf } from './boxes.ts';
import { element, selectOf } from './dom.ts';

/** Pixels: a narrower box cannot be pointed at. */
const LEAST_WIDTH = 3;

const MEASURES: readonly (readonly [Measure, string])[] = [
  ['peak', 'live at the peak'],
  ['end', 'left at the end'],
  ['total', 'allocated in total'],
];
const GROUPINGS: readonly (readonly [Grouping, string])[] = [
  ['memory', 'kind of memory, then callers'],
  ['program', 'program, then what it called'],
];
const EMPTY: Readonly<Record<Measure, string>> = {
  peak: 'Nothing was live at the peak.',
  end: 'Nothing was left at the end.',
  total: 'Nothing was allocated.',
};

type State = {
  tree: MemoryTree;
  measure: Measure;
  /** The last is shown; the first is the root. */
  zooms: MemoryNode[];
  focused: MemoryNode;
  finder: Finder | null;
};

export function mountProfile(data: ProfileData, place: HTMLElement): void {
  const trees = new Map<Grouping, MemoryTree>();
  const treeBy = (grouping: Grouping): MemoryTree => {
    const tree = trees.get(grouping) ?? treeOf(data, grouping);
    trees.set(grouping, tree);
    return tree;
  };
  const tree = treeBy('memory');
  const state: State = { tree, measure: 'peak', zooms: [tree.root], focused: tree.root, finder: null };
  const graph = element('div', { class: 'boxes', role: 'tree', 'aria-label': 'Kernel memory' });
  const frame = element('div', { class: 'graph' }, graph);
  const details = element('div', { class: 'details' });
  const empty = element('p', { class: 'note' });
  const found = element('span', { class: 'found-text', role: 'status' });
  const out = element('button', { type: 'button' }, 'Zoom out');
  let boxes: Box[] = [];

  const zoomed = (): MemoryNode => state.zooms.at(-1) ?? state.tree.root;
  const elementAt = (at: number): HTMLElement | null => (graph.children[at] as HTMLElement | undefined) ?? null;
  const indexOf = (node: MemoryNode): number => boxes.findIndex((box) => isSameNode(box.node, node));
  const showDetails = (node: MemoryNode): void => details.replaceChildren(...detailElements(state.tree, node));

  const draw = (): void => {
    const { measure, finder } = state;
    const hadFocus = graph.contains(document.activeElement);
    const isEmpty = state.tree.root.amounts[measure].bytes === 0;
    // Its width is 0 while it is hidden.
    frame.hidden = isEmpty;
    const least = Math.max(LEAST_SHARE, LEAST_WIDTH / Math.max(1, graph.clientWidth));
    boxes = isEmpty ? [] : boxesOf(state.tree, { measure, zoomed: zoomed(), least });
    if (indexOf(state.focused) === -1) state.focused = zoomed();
    const levels = Math.max(0, ...boxes.map(({ level }) => level + 1));
    graph.style.height = `${levels * 24}px`;
    graph.classList.toggle('searched', finder !== null);
    graph.replaceChildren(
      ...boxes.map((box) =>
        boxElement(box, { tree: state.tree, measure, finder, zoomed: zoomed(), width: graph.clientWidth }),
      ),
    );
    const focused = elementAt(indexOf(state.focused));
    focused?.setAttribute('tabindex', '0');
    if (hadFocus) focused?.focus();
    out.disabled = state.zooms.length < 2;
    empty.textContent = isEmpty ? EMPTY[measure] : '';
    found.textContent = finder === null ? '' : foundText(state, finder, boxes);
    if (isEmpty) details.replaceChildren();
    else showDetails(state.focused);
  };

  const focusAt = (at: number): void => {
    const [box, target] = [boxes[at], elementAt(at)];
    if (box === undefined || target === null) return;
    elementAt(indexOf(state.focused))?.setAttribute('tabindex', '-1');
    state.focused = box.node;
    target.setAttribute('tabindex', '0');
    target.focus();
    showDetails(box.node);
  };
  const zoomTo = (node: MemoryNode): void => {
    if (isSameNode(node, zoomed())) return;
    state.zooms = node.parent === null ? [node] : [...state.zooms, node];
    state.focused = node;
    draw();
  };
  const zoomOut = (): boolean => {
    if (state.zooms.length < 2) return false;
    state.focused = state.zooms.pop() ?? state.tree.root;
    draw();
    return true;
  };

  graph.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = indexOf(state.focused);
    const to = targetOf(event.key, boxes, at);
    if (to !== null) focusAt(to);
    else if (event.key === 'Enter' || event.key === ' ') zoomTo(state.focused);
    else if (!(event.key === 'Escape' || event.key === 'Backspace') || !zoomOut()) return;
    event.preventDefault();
  });
  const boxAt = ({ target }: Event): number => {
    const hit = target instanceof Element ? target.closest('.box') : null;
    return hit === null ? -1 : [...graph.children].indexOf(hit);
  };
  graph.addEventListener('click', (event) => {
    const at = boxAt(event);
    const node = boxes[at]?.node;
    if (node === undefined) return;
    focusAt(at);
    zoomTo(node);
  });
  graph.addEventListener('pointerover', (event) => {
    const node = boxes[boxAt(event)]?.node;
    if (node !== undefined) showDetails(node);
  });
  graph.addEventListener('pointerleave', () => {
    if (boxes.length > 0) showDetails(state.focused);
  });
  out.addEventListener('click', zoomOut);

  const search = element('input', { type: 'search', placeholder: 'function, call or file', autocomplete: 'off' });
  search.addEventListener('input', () => {
    state.finder = finderOf(search.value);
    draw();
  });
  search.addEventListener('keydown', ({ key }) => {
    const { finder } = state;
    if (key !== 'Enter' || finder === null) return;
    focusAt(boxes.findIndex(({ node }) => finder.isFound(node)));
  });
  const reset = (next: Partial<State>): void => {
    Object.assign(state, next);
    state.zooms = [state.tree.root];
    state.focused = state.tree.root;
    draw();
  };
  const tools = element(
    'div',
    { class: 'tools', role: 'search', 'aria-label': 'Kernel memory: what is shown' },
    selectOf('Show', labelsOf(MEASURES), (_, at) => reset({ measure: MEASURES[at]?.[0] ?? 'peak' })),
    selectOf('Divide by', labelsOf(GROUPINGS), (_, at) => reset({ tree: treeBy(GROUPINGS[at]?.[0] ?? 'memory') })),
    element('label', {}, 'Search', search),
    out,
  );
  place.replaceChildren(tools, element('p', { class: 'note' }, found), frame, empty, details, legendOf(state.tree));
  draw();
  let width = graph.clientWidth;
  new ResizeObserver(() => {
    if (graph.clientWidth === width || graph.clientWidth === 0) return;
    width = graph.clientWidth;
    draw();
  }).observe(graph);
}

function labelsOf(choices: readonly (readonly [string, string])[]): string[] {
  return choices.map(([, label]) => label);
}

/** Index of the box that a key moves to; null: the key does not move. */
function targetOf(key: string, boxes: readonly Box[], at: number): number | null {
  const current = boxes[at];
  if (current === undefined) return null;
  const level = boxes.flatMap((box, index) => (box.level === current.level ? [index] : []));
  switch (key) {
    case 'ArrowDown': {
      const child = boxes.findIndex(({ node: { parent } }) => parent !== null && isSameNode(parent, current.node));
      return child === -1 ? at : child;
    }
    case 'ArrowUp':
      return Math.max(
        0,
        boxes.findIndex(({ node }) => node === current.node.parent),
      );
    case 'ArrowRight':
      return level[level.indexOf(at) + 1] ?? at;
    case 'ArrowLeft':
      return level[level.indexOf(at) - 1] ?? at;
    case 'Home':
      return level[0] ?? at;
    case 'End':
      return level.at(-1) ?? at;
    default:
      return null;
  }
}

function foundText({ tree, measure }: State, finder: Finder, boxes: readonly Box[]): string {
  const { bytes, objects } = foundAmount(tree, finder, measure);
  if (objects === 0 && bytes === 0) return 'Nothing matches.';
  const count = boxes.filter(({ node }) => finder.isFound(node)).length;
  const share = shareText(bytes, tree.root.amounts[measure].bytes);
  return `Matches ${formatSize(bytes)}, ${counted(objects, 'object')}, ${share} ${OF_WHAT[measure]}, in ${counted(count, 'box', 'boxes')}.`;
}

function detailElements(tree: MemoryTree, node: MemoryNode): HTMLElement[] {
  const path = [...ancestorsOf(node), node].slice(1).map(({ part }) => part.name);
  const list = element('dl', { class: 'facts' });
  for (const [label, value] of detailsOf(tree, node)) list.append(element('dt', {}, label), element('dd', {}, value));
  return [
    element('p', { class: 'name' }, element('strong', {}, node.part.name)),
    ...(path.length > 1 ? [element('p', { class: 'note path' }, path.slice(0, -1).join(' › '))] : []),
    list,
  ];
}
