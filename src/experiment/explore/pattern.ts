/**
 * The pattern of a text, learnt from two runs in which nothing failed: at places where the two differ (pids, temporary
 * names, random numbers), anything of that kind matches; anywhere else a difference makes it another text.
 */

/** `ordered`: the lines come in this order; otherwise in any order, as those of several processes do. */
export type Pattern = Readonly<{ ordered: boolean; lines: readonly LinePattern[] }>;

type Part = Readonly<{ literal: string } | { any: 'digits' | 'word' }>;

/** The line in the first text, and which of its parts are fixed. */
export type LinePattern = Readonly<{ example: string; parts: readonly Part[] }>;

/** Where a text departs from its pattern: a missing line, an extra line, or both. */
export type Departure = Readonly<{ missing: string | null; extra: string | null }>;

/** Null: the two have too little in common to judge a third text. Both are scrubbed. */
export function learn(first: string, second: string): Pattern | null {
  const [ours, theirs] = [first.split('\n'), second.split('\n')];
  if (ours.length !== theirs.length) return null;
  const inOrder = ours.map((line, index): Pair => [line, theirs[index] ?? '']);
  const anyOrder = paired(ours, theirs);
  // The same lines in another order: no line needs to be treated as varying.
  const isOrdered =
    inOrder.every(([line, other]) => areAlike(line, other)) &&
    (anyOrder === null || equalOnes(anyOrder) <= equalOnes(inOrder));
  const pairs = isOrdered ? inOrder : anyOrder;
  return pairs === null ? null : { ordered: isOrdered, lines: pairs.map(([line, other]) => patternOf(line, other)) };
}

type Pair = readonly [string, string];

function equalOnes(pairs: readonly Pair[]): number {
  return pairs.filter(([line, other]) => line === other).length;
}

/** Null: it matches. */
export function departure(text: string, { ordered, lines }: Pattern): Departure | null {
  const given = text.split('\n');
  if (ordered && given.length === lines.length && lines.every((line, index) => fits(given[index] ?? '', line))) {
    return null;
  }
  const { missing, extra } = strangers(text, { lines });
  if (missing.length + extra.length > 0) return { missing: missing[0] ?? null, extra: extra[0] ?? null };
  if (!ordered) return null;
  // The same lines in another order.
  const at = lines.findIndex((line, index) => !fits(given[index] ?? '', line));
  return { missing: lines[at]?.example ?? null, extra: given[at] ?? null };
}

/** Lines of the text that match no line of the pattern, and lines of the pattern without a match in the text. */
export function strangers(text: string, { lines }: Pick<Pattern, 'lines'>) {
  const given = text.split('\n');
  const [strict, loose] = [lines.filter((line) => looseness(line) === 0), lines.filter((line) => looseness(line) > 0)];
  // Strict lines first, so that a loose one does not take a line that only a strict one matches.
  const left = Map.groupBy(strict, ({ example }) => example);
  let extra = given.filter((line) => left.get(line)?.pop() === undefined);
  const missing = [...left.values()].flat().map(({ example }) => example);
  for (const line of loose.toSorted((a, b) => looseness(a) - looseness(b))) {
    const at = extra.findIndex((one) => fits(one, line));
    if (at === -1) missing.push(line.example);
    else extra = extra.toSpliced(at, 1);
  }
  return { missing, extra };
}

function looseness({ parts }: LinePattern): number {
  return parts.filter((part) => 'any' in part).length;
}

function fits(text: string, { parts }: LinePattern): boolean {
  const given = wordsOf(text);
  return (
    given.length === parts.length &&
    parts.every((part, index) => {
      const word = given[index] ?? '';
      return 'literal' in part ? part.literal === word : (part.any === 'digits' ? /^\d+$/ : /^\w+$/).test(word);
    })
  );
}

function wordsOf(line: string): string[] {
  return line.match(/\w+|\W/g) ?? [];
}

/**
 * The same except for fewer than half of the words: a line with nothing fixed would match anything. Punctuation does
 * not vary.
 */
function areAlike(first: string, second: string): boolean {
  const [ours, theirs] = [wordsOf(first), wordsOf(second)];
  if (ours.length !== theirs.length) return false;
  const differing = ours.filter((word, index) => word !== theirs[index]).length;
  return (
    differing <= ours.length / 2 + 1 &&
    ours.every((word, index) => word === theirs[index] || (isWord(word) && isWord(theirs[index] ?? '')))
  );
}

function isWord(text: string): boolean {
  return /^\w+$/.test(text);
}

function patternOf(first: string, second: string): LinePattern {
  const theirs = wordsOf(second);
  const parts = wordsOf(first).map((word, index): Part => {
    const other = theirs[index] ?? '';
    if (word === other) return { literal: word };
    return { any: /^\d+$/.test(word) && /^\d+$/.test(other) ? 'digits' : 'word' };
  });
  return { example: first, parts };
}

/** Pairs each line of one with a line of the other, in any order, equal ones first. Null: some have no partner. */
function paired(ours: readonly string[], theirs: readonly string[]): Pair[] | null {
  const left = [...theirs];
  const take = (at: number): string | null => (at === -1 ? null : (left.splice(at, 1)[0] ?? null));
  const exact = ours.map((line) => take(left.indexOf(line)));
  const pairs: Pair[] = [];
  for (const [index, line] of ours.entries()) {
    const other = exact[index] ?? take(left.findIndex((one) => areAlike(line, one)));
    if (other === null) return null;
    pairs.push([line, other]);
  }
  return pairs;
}
