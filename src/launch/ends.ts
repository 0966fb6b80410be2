/** Of the streams of a run, and of each of its steps. */
export const KEPT_OF_RUN = 64 * 1024;
export const KEPT_OF_STEP = 16 * 1024;

/** What is kept of a stream that an expectation reads. */
export type Ends = Readonly<{
  add: (chunk: Buffer) => void;
  /** The first and the last bytes, with `…` between where bytes are left out. */
  text: () => string;
}>;

/** `kept` bytes of each end, in two buffers of fixed size: a gigabyte of output leaves no garbage behind. */
export function keepEnds(kept: number): Ends {
  const head = Buffer.alloc(kept);
  const tail = Buffer.alloc(kept);
  let total = 0;
  return {
    add: (chunk) => {
      const inHead = total < kept ? chunk.copy(head, total) : 0;
      const rest = chunk.subarray(inHead).subarray(-kept);
      tail.copyWithin(0, rest.length);
      rest.copy(tail, kept - rest.length);
      total += chunk.length;
    },
    text: () => {
      const first = head.subarray(0, Math.min(total, kept));
      const last = tail.subarray(Math.max(0, 2 * kept - total));
      // Together, so that a character across the two stays whole.
      if (total <= 2 * kept) return Buffer.concat([first, last]).toString();
      return `${first.toString()}\n…\n${last.toString()}`;
    },
  };
}
