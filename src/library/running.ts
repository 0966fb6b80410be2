/** What the library's functions give back: a promise of the end that can be iterated for what happens until then. */

/**
 * Awaited: the end. Iterated: events, from the moment at which the iteration begins; it ends with the run, and throws what
 * the promise rejects with. Leaving the loop leaves the run alone: a signal ends it.
 */
export type Running<End, Event> = Promise<End> & AsyncIterable<Event>;

type Reader<Event> = { readonly queue: Event[]; wake: () => void };

/** `work` begins when the caller's own code has had its turn, so that who iterates at once misses nothing. */
export function running<End, Event>(work: (emit: (event: Event) => void) => Promise<End>): Running<End, Event> {
  const readers = new Set<Reader<Event>>();
  const wakeAll = (): void => {
    for (const reader of readers) reader.wake();
  };
  let isOver = false;
  const emit = (event: Event): void => {
    for (const { queue } of readers) queue.push(event);
    wakeAll();
  };
  const end = Promise.resolve()
    .then(() => work(emit))
    .finally(() => {
      isOver = true;
      wakeAll();
    });
  const iterate = (): AsyncIterator<Event> => {
    const reader: Reader<Event> = { queue: [], wake: () => {} };
    readers.add(reader);
    // The loop throws it: who does nothing but iterate has handled it.
    end.catch(() => {});
    return eventsOf(reader, { end, isOver: () => isOver, leave: () => readers.delete(reader) });
  };
  return Object.assign(end, { [Symbol.asyncIterator]: iterate });
}

async function* eventsOf<Event>(
  reader: Reader<Event>,
  { end, isOver, leave }: Readonly<{ end: Promise<unknown>; isOver: () => boolean; leave: () => void }>,
): AsyncGenerator<Event, void> {
  try {
    for (;;) {
      yield* reader.queue.splice(0);
      if (reader.queue.length > 0) continue;
      if (isOver()) break;
      await new Promise<void>((resolve) => {
        reader.wake = resolve;
      });
    }
    await end;
  } finally {
    leave();
  }
}
