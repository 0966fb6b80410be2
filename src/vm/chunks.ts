import type { Readable } from 'node:stream';

/** Chunk by chunk: the stream stands between the reads. */
export function chunksOf(stream: Readable): () => Promise<Buffer | null> {
  let ended = false;
  const { promise: over, resolve: finish } = Promise.withResolvers<null>();
  for (const event of ['end', 'close', 'error']) {
    stream.once(event, () => {
      ended = true;
      finish(null);
    });
  }
  stream.on('error', () => {});
  stream.pause();
  return () => {
    if (ended) return over;
    const next = new Promise<Buffer>((resolve) => {
      stream.once('data', (chunk: Buffer) => {
        stream.pause();
        resolve(chunk);
      });
      stream.resume();
    });
    return Promise.race([next, over]);
  };
}
