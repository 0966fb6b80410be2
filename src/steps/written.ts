import type { Part } from '../launch/capture.ts';
import type { Streams } from '../launch/streams.ts';

/** What the steps write from now on, where the streams are captured. */
export type Written = Readonly<{
  /** What there is by now, of both streams. */
  text: () => Promise<string>;
  /** Null where a stream is not captured. */
  end: () => Promise<Readonly<{ stdout: string | null; stderr: string | null }>>;
}>;

export async function watchWritten({ captures }: Pick<Streams, 'captures'>): Promise<Written> {
  const { stdout, stderr } = captures;
  // What earlier steps wrote is theirs.
  const drain = () => Promise.all([stdout?.drain(), stderr?.drain()]);
  await drain();
  const parts: Readonly<{ stdout: Part | null; stderr: Part | null }> = {
    stdout: stdout?.part() ?? null,
    stderr: stderr?.part() ?? null,
  };
  const textOf = (part: Part | null) => part?.text() ?? '';
  return {
    text: async () => {
      await drain();
      return `${textOf(parts.stdout)}\n${textOf(parts.stderr)}`;
    },
    end: async () => {
      await drain();
      parts.stdout?.letGo();
      parts.stderr?.letGo();
      return { stdout: parts.stdout?.text() ?? null, stderr: parts.stderr?.text() ?? null };
    },
  };
}
