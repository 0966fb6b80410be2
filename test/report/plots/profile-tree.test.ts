import test from 'ava';
import fc from 'fast-check';
import {
  boxesOf,
  detailsOf,
  finderOf,
  foundAmount,
  isSameNode,
  nameOf,
  shareText,
} from '../../../src/report/plots/profile-boxes.ts';
import { profileDataOf, stacksOf } from '../../../src/report/plots/profile-data.ts';
import { type MemoryNode, type MemoryTree, sumOf, treeOf } from '../../../src/report/plots/profile-tree.ts';
import type { Profile, ProfileRow } from '../../../src/result/schema.ts';
import { amount, apacheProfile, largeProfile, profile, profileRow } from '../../fixtures/page-profiles.ts';

const GROUPINGS = ['memory', 'program'] as const;
const MEASURES = ['peak', 'end', 'total'] as const;
const FRAMES = 6;

const amounts = fc.record({ objects: fc.nat(50), bytes: fc.nat(100_000) });
const stacks = fc.array(fc.nat(FRAMES - 1), { maxLength: 5 });
const rows: fc.Arbitrary<ProfileRow> = fc
  .record({
    kind: fc.constantFrom('object', 'pages', 'stack', 'percpu'),
    what: fc.constantFrom('inodes', 'files', ''),
    cache: fc.constantFrom(null, 'filp'),
    comm: fc.constantFrom('sh', 'ls'),
    call: fc.constantFrom(null, 'mmap'),
    origin: fc.constantFrom('call', 'fault', 'other'),
    isCounted: fc.boolean(),
    ...{ atPeak: amounts, atEnd: amounts, total: amounts, kernel: stacks, user: stacks },
  })
  .map((changes) => profileRow(changes));
const profiles: fc.Arbitrary<Profile> = fc
  .record({ list: fc.array(rows, { maxLength: 30 }), cut: amounts, usage: fc.option(fc.nat(5_000_000)) })
  .map(({ list, cut, usage }) =>
    profile(list, {
      peak: { atMs: 1, usage, explained: 0 },
      end: { usage, explained: 0 },
      cut: { rows: 1, atPeak: cut, atEnd: cut, total: cut },
      // Two functions have one name: the same one in another file, and the same one at another offset.
      frames: Array.from({ length: FRAMES }, (_, at) => ({
        function: at === 5 ? null : `f${Math.floor(at / 2)}`,
        file: at === 1 ? '/lib/a' : '/lib/b',
        offset: at,
      })),
    }),
  );

function treesOf(data: Profile): MemoryTree[] {
  return GROUPINGS.map((grouping) => treeOf(profileDataOf(data, 'p'), grouping));
}

function every(tree: MemoryTree, node: MemoryNode = tree.root): MemoryNode[] {
  return [node, ...tree.childrenOf(node).flatMap((child) => every(tree, child))];
}

test('each node is the sum of its children and of the rows that end there; the root is the sum of all', (t) => {
  fc.assert(
    fc.property(profiles, (data) => {
      const listed = sumOf(
        [...data.rows, data.cut].map(({ atPeak, atEnd, total }) => ({
          amounts: { peak: atPeak, end: atEnd, total },
        })),
      );
      for (const tree of treesOf(data)) {
        for (const measure of MEASURES) {
          const usage = measure === 'total' ? 0 : (data[measure].usage ?? 0);
          t.is(tree.root.amounts[measure].bytes, Math.max(usage, listed[measure].bytes));
          t.is(tree.root.amounts[measure].objects, listed[measure].objects);
        }
        for (const node of every(tree)) {
          const ended = node.rows.filter(({ path }) => path.length === node.depth);
          t.deepEqual(sumOf([...tree.childrenOf(node), ...ended]), node.amounts);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('stacks are complete, and the same function is one box whatever the offset', (t) => {
  fc.assert(
    fc.property(profiles, (data) => {
      const packed = profileDataOf(data, 'p');
      const unpacked = stacksOf(packed);
      for (const [at, { kernel, user }] of data.rows.entries()) {
        const names = (number: number | undefined) =>
          (unpacked[number ?? -1] ?? []).map((frame) => packed.frames[frame]?.[0]).toReversed();
        const wanted = (stack: readonly number[]) => stack.map((frame) => data.frames[frame]?.function ?? 'b+0x5');
        t.deepEqual(names(packed.rows[at]?.at(-2) as number), wanted(kernel));
        t.deepEqual(names(packed.rows[at]?.at(-1) as number), wanted(user));
      }
      t.true(packed.frames.length <= FRAMES - 1);
    }),
    { numRuns: 50 },
  );
});

test('boxes lie within their parents, side by side, and are no narrower than allowed', (t) => {
  const least = 0.05;
  fc.assert(
    fc.property(profiles, fc.constantFrom(...MEASURES), fc.nat(), (data, measure, choice) => {
      for (const tree of treesOf(data)) {
        const nodes = every(tree).filter((node) => node.amounts[measure].bytes > 0);
        const zoomed = nodes[choice % Math.max(1, nodes.length)];
        if (zoomed === undefined) continue;
        const boxes = boxesOf(tree, { measure, zoomed, least });
        for (const { node, level, left, width } of boxes) {
          const inside = boxes.filter((box) => box.level === level + 1 && box.node.parent === node);
          let at = left;
          for (const child of inside) {
            t.true(Math.abs(child.left - at) < 1e-9 && (child.width >= least || child.node.part.type === 'smaller'));
            at += child.width;
          }
          t.true(at <= left + width + 1e-9);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('zooming into smaller parts reaches each of them', (t) => {
  const many = Array.from({ length: 3000 }, (_, at) => profileRow({ what: `w${at}`, atPeak: amount(1, 64) }));
  const tree = treeOf(profileDataOf(profile(many), 'p'), 'memory');
  const seen = new Set<string>();
  const look = (zoomed: MemoryNode): void => {
    for (const { node, width } of boxesOf(tree, { measure: 'peak', zoomed, least: 0.004 })) {
      if (node.part.type === 'smaller' && !isSameNode(node, zoomed) && width < 1) look(node);
      if (node.part.type === 'what') seen.add(node.part.name);
    }
  };
  look(tree.root);
  t.is(seen.size, 3000);
});

test('by memory: kind, use, call, then callers; by program: the stack from the outside in', (t) => {
  const [byMemory, byProgram] = treesOf(apacheProfile());
  const path = (tree: MemoryTree | undefined) => tree?.root.rows[1]?.path.map(({ name }) => name);
  t.deepEqual(path(byMemory), [
    ...['slab objects', 'socket buffers', 'sendto', '__alloc_skb', 'sock_sendmsg'],
    ...['sendto', 'mod_proxy.so+0x4abc', 'main'],
  ]);
  t.deepEqual(path(byProgram), [
    ...['apache2', 'main', 'mod_proxy.so+0x4abc', 'sendto', 'sendto', 'sock_sendmsg', '__alloc_skb'],
    'socket buffers',
  ]);
});

test('a box is named with its figures, its share and what is not known', (t) => {
  const [tree] = treesOf(apacheProfile());
  const named = (name: string) => (tree === undefined ? [] : every(tree)).find(({ part }) => part.name === name);
  const [inodes, rest] = [named('inodes'), named('not explained')];
  if (tree === undefined || inodes === undefined || rest === undefined) return t.fail();
  t.is(nameOf(tree, inodes, 'peak'), 'inodes, 16 KiB, 16 objects, 16 % of the peak, releases not seen');
  t.is(nameOf(tree, tree.root, 'end'), 'all, 16 KiB, 10 objects, 100 % of what is left, releases partly not seen');
  t.is(nameOf(tree, rest, 'peak'), 'not explained, 20 KiB, 20 % of the peak');
  t.deepEqual(detailsOf(tree, inodes), [
    ['cache', 'sock_inode_cache'],
    ['at the peak', '16 KiB (16,384), 16 objects, 16 %'],
    ['left at the end', '8 KiB (8,192), 8 objects, 50 %'],
    ['allocated in total', '16 KiB (16,384), 16 objects, 9.8 %'],
    ['releases not seen', 'the figures at the peak and at the end may be too high'],
  ]);
  t.deepEqual([shareText(1, 1e6), shareText(0, 0), shareText(0, 5)], ['less than 0.1 %', '0 %', '0 %']);
});

test('a search counts each row once, and searches names, files and caches in any case', (t) => {
  for (const tree of treesOf(apacheProfile())) {
    const found = (text: string) => {
      const finder = finderOf(text);
      return finder === null ? null : foundAmount(tree, finder, 'peak');
    };
    // Both the system call and the function of libc have this name.
    t.deepEqual(found('SENDTO'), { objects: 96, bytes: 24 * 1024 });
    t.deepEqual(found('mod_proxy'), { objects: 96, bytes: 24 * 1024 });
    t.deepEqual(found('sock_inode_cache'), { objects: 16, bytes: 16 * 1024 });
    t.deepEqual(found('nothing like it'), { objects: 0, bytes: 0 });
    t.is(found('  '), null);
  }
  const part = { type: 'what', name: 'TCP sockets', where: null } as const;
  t.true(finderOf('tcp')?.hasPart(part));
});

test('a profile that is too large keeps its figures, and the stacks of the largest rows', (t) => {
  const large = largeProfile({ rows: 400, frames: 100 });
  const [whole, small] = [profileDataOf(large, 'p', Number.POSITIVE_INFINITY), profileDataOf(large, 'p', 80_000)];
  t.true(JSON.stringify(whole).length > 80_000 && JSON.stringify(small).length <= 80_000);
  t.deepEqual([whole.rowsWithoutStacks, small.rowsWithoutStacks], [0, 300]);
  const [tree, other] = [treeOf(whole, 'memory'), treeOf(small, 'memory')];
  t.deepEqual(other.root.amounts, tree.root.amounts);
  t.deepEqual(
    other.root.rows[99]?.path.map(({ name }) => name),
    tree.root.rows[99]?.path.map(({ name }) => name),
  );
  t.is(other.root.rows[100]?.path.length, 3);
});
