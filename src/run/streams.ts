import { closeSync } from 'node:fs';
import { SetupError } from '../errors.ts';
import { openToAppend, reasonOf } from '../host/open-place.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { type Capture, openCapture } from './capture.ts';
import type { Stdio } from './supervisor.ts';

export type Streams = Readonly<{
  stdio: Stdio;
  captures: Readonly<{ stdout: Capture | null; stderr: Capture | null }>;
  close: () => void;
}>;

/**
 * Where the command's output goes: directly to the target of `output`, except that a stream that an expectation reads
 * goes to a file that is copied on. Not to a pipe: unread pipe data is kernel memory, charged to the group.
 * @throws SetupError `bad-output-file`, `no-capture`
 */
export function openStreams(
  spec: RunSpec,
  reads: ReadonlySet<'stdout' | 'stderr'>,
  given: Pick<Stdio, 'stdin'> & Partial<Stdio>,
): Streams {
  const opened: number[] = [];
  const sink = openOutput(spec);
  if (sink !== null) opened.push(sink);
  const stdout = reads.has('stdout') ? openCapture(sink ?? descriptorOf(given.stdout, 1)) : null;
  const stderr = reads.has('stderr') ? openCapture(sink ?? descriptorOf(given.stderr, 2)) : null;
  return {
    stdio: {
      stdin: given.stdin,
      stdout: stdout?.fd ?? sink ?? given.stdout ?? 'inherit',
      stderr: stderr?.fd ?? sink ?? given.stderr ?? 'inherit',
    },
    captures: { stdout, stderr },
    close: () => {
      stdout?.close();
      stderr?.close();
      for (const fd of opened.splice(0)) closeSync(fd);
    },
  };
}

function descriptorOf(given: Stdio['stdout'] | undefined, own: 1 | 2): number {
  return typeof given === 'number' ? given : own;
}

/** Target of both streams as `output` names it; null: untouched. @throws SetupError `bad-output-file` */
export function openOutput({ output }: RunSpec): number | null {
  if (output === 'inherit') return null;
  return openSink(output === 'null' ? '/dev/null' : output.file, '--output');
}

/** Opens a file that an option names, and truncates it. @throws SetupError `bad-output-file` */
export function openSink(file: string, option: string): number {
  try {
    return openToAppend(file, { truncate: true });
  } catch (error) {
    throw new SetupError(
      'bad-output-file',
      `${option}: ${file} cannot be opened (${reasonOf(error)})`,
      'name a writable file',
      { cause: error },
    );
  }
}
