const KEPT_BYTES = 64 * 1024;

/** What is kept of a stream that an expectation reads. */
export type Ends = Readonly<{
  add: (chunk: Buffer) => void;
  /** The first and the last 64 KiB, with `…` between where bytes are left out. */
  text: () => string;
}>;

/** In two buffers of fixed size: a gigabyte of output leaves no garbage behind. */
export function keepEnds(): Ends {
  const head = Buffer.alloc(KEPT_BYTES);
  const tail = Buffer.alloc(KEPT_BYTES);
  let total = 0;
  return {
    add: (chunk) => {
      const inHead = total < KEPT_BYTES ? chunk.copy(head, total) : 0;
      const rest = chunk.subarray(inHead).subarray(-KEPT_BYTES);
      tail.copyWithin(0, rest.length);
      rest.copy(tail, KEPT_BYTES - rest.length);
      total += chunk.length;
    },
    text: () => {
      const first = head.subarray(0, Math.min(total, KEPT_BYTES));
      const last = tail.subarray(Math.max(0, 2 * KEPT_BYTES - total));
      // Together, so that a character across the two stays whole.
      if (total <= 2 * KEPT_BYTES) return Buffer.concat([first, last]).toString();
      return `${first.toString()}\n…\n${last.toString()}`;
    },
  };
}
