/** The return value of the library's functions: a promise that is also an async iterable of events. */

/**
 * Awaited, it gives the result. Iterated, it gives events from the start of the iteration; the loop ends with the work
 * and throws what the promise rejects with. Leaving the loop does not stop the work; aborting `signal` does.
 */
export type Running<End, Event> = Promise<End> & AsyncIterable<Event>;

type Reader<Event> = { readonly queue: Event[]; wake: () => void };

/** `work` starts after the caller's current turn, so that a caller who iterates at once misses nothing. */
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
    // The loop throws the error, so a caller who only iterates has handled it.
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
