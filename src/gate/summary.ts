/** Sums over the run, which the helper sends at its end. */

export type GateSummary = {
  event: 'summary';
  denials: number;
  refusals: number;
  gatedCalls: number;
  /** Null, like the next one: the kernel refuses, and the failures could not be determined. */
  failuresDropped: number | null;
  uncounted: number | null;
  eventsDropped: number;
  reclaims: number;
  rcuWaits: number;
  rcuWaitedNs: number;
  /** Calls that a signal cancelled before they were received. */
  interrupted: number;
  traceLost: number;
  maxUsage: number | null;
  /** The highest usage since the limit was changed, as far as it was read. */
  limitMax: number | null;
  peakSeen: number | null;
  /**
   * On v2 the maximum lag of a reading, and the largest rise between two readings; null: the kernel records the
   * highest.
   */
  lag: number | null;
  largestRise: number | null;
  /** 1: a BPF program read the usage on v2, and saw the highest. */
  summed: number;
  /** Pages faulted over the limit, and their bytes; null: nothing watched them. */
  faultPages: number | null;
  faultBytes: number | null;
  /** 1: tasks leaving or entering the group were watched. */
  movesWatched: number;
  /** BPF events that were lost, and those missed because a program was already running. */
  watchLost: number;
  watchMissed: number;
  /** Allocations that BPF programs refused; absent in other modes, like the following ones. */
  refusedObjects?: number;
  refusedPages?: number;
  /** Over the limit, but let through. */
  mustNotFail?: number;
  atomic?: number;
  remote?: number;
  /** Calls that succeeded although an allocation in them was refused. */
  callsHandled?: number;
  /** On v2 the components of the highest reading; null if the kernel does not report them. */
  slab: number | null;
  kernel_stack: number | null;
  pagetables: number | null;
  percpu: number | null;
  vmalloc: number | null;
  sock: number | null;
};
