import { closeSync } from 'node:fs';
import type { RunSpec } from '../request/run-spec.ts';
import { openSink, type Target } from '../vm/sink.ts';
import { type Ends, KEPT_OF_RUN, keepEnds } from './capture.ts';
import { openOutput } from './streams.ts';

/** A microVM command's input and output, as the host's descriptors and functions. */
export type VmStreams = Readonly<{
  stdin: number | null;
  stdout: Target;
  stderr: Target;
  captures: Readonly<{ stdout: Ends | null; stderr: Ends | null }>;
  close: () => void;
}>;

/** Like openStreams; output that an expectation reads passes through here. @throws SetupError `bad-output-file` */
export function openVmStreams(
  spec: RunSpec,
  reads: ReadonlySet<'stdout' | 'stderr'>,
  stdin: 'inherit' | 'null',
): VmStreams {
  const sink = openOutput(spec);
  const closers: (() => void)[] = sink === null ? [] : [() => closeSync(sink)];
  const ends = {
    stdout: reads.has('stdout') ? keepEnds(KEPT_OF_RUN) : null,
    stderr: reads.has('stderr') ? keepEnds(KEPT_OF_RUN) : null,
  };
  const target = (fd: number, kept: Ends | null): Target => {
    if (kept === null) return fd;
    const { write, close } = openSink(fd, { terminal: false });
    closers.push(close);
    return (chunk) => {
      kept.add(chunk);
      return write(chunk);
    };
  };
  return {
    stdin: stdin === 'null' ? null : 0,
    stdout: target(sink ?? 1, ends.stdout),
    stderr: target(sink ?? 2, ends.stderr),
    captures: ends,
    close: () => {
      for (const close of closers.splice(0).toReversed()) close();
    },
  };
}
