/** Usage that stays above the kmem limit although there is no call to deny: page tables grown by page faults. */

export type OverrunWatch = Readonly<{
  /** Takes a reading: bytes, what they must not exceed, and the denials so far. */
  take: (reading: Readonly<{ atMs: number; kmem: number | null; limit: number; denials: number }>) => void;
  /** Milliseconds of the longest stretch; 0: there was none worth telling. */
  longestMs: () => number;
}>;

/** Shorter is what one call and the page faults after it do, which the overshoot tells. */
const WORTH_TELLING_MS = 200;

/** `onOverrun` is called once, when a stretch is worth telling. */
export function watchOverrun(onOverrun: () => void): OverrunWatch {
  let since: { atMs: number; denials: number } | null = null;
  let longest = 0;
  return {
    take: ({ atMs, kmem, limit, denials }) => {
      if (kmem === null || kmem <= limit) since = null;
      else if (since === null || denials > since.denials) since = { atMs, denials };
      if (since === null || atMs - since.atMs < WORTH_TELLING_MS) return;
      if (longest === 0) onOverrun();
      longest = Math.max(longest, atMs - since.atMs);
    },
    longestMs: () => longest,
  };
}
