/**
 * The candidate that `word` most likely means, or null if none is near. Allows typos in up to a third of the word (at
 * least one), or the beginning of a single candidate.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const wanted = plain(word);
  if (wanted === '' || wanted.length > 64) return null;
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  const begun: string[] = [];
  for (const candidate of candidates) {
    const known = plain(candidate);
    if (wanted.length > 2 && known.startsWith(wanted)) begun.push(candidate);
    if (Math.abs(known.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, known);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best ?? (begun.length === 1 ? (begun[0] ?? null) : null);
}

/** `did you mean X?` with `spell` applied to the nearest candidate, or `otherwise`. */
export function didYouMean(
  word: string,
  candidates: Iterable<string>,
  otherwise: string,
  spell = (candidate: string) => candidate,
): string {
  const near = nearest(word, candidates);
  return near === null ? otherwise : `did you mean ${spell(near)}?`;
}

// kmemTcp, kmem_tcp and kmem-tcp are the same word to a person.
function plain(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '');
}

/** Damerau-Levenshtein (optimal string alignment): insertions, deletions, substitutions, swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, change);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
