import { readFileSync } from 'node:fs';

/** Node ignores SIGPIPE and SIGXFSZ itself; its children start with the default. */
const IGNORED_BY_NODE = (1n << 12n) | (1n << 24n);

/**
 * The signals that were ignored when this process started (bit n-1 for signal n), as under nohup(1): the command
 * ignores them too, as it would have without kmem-run. From /proc/self/status, proc_pid_status(5).
 */
export const ignoredAtStart: bigint = readIgnored();

export function isIgnoredAtStart(signal: number): boolean {
  return ((ignoredAtStart >> BigInt(signal - 1)) & 1n) === 1n;
}

function readIgnored(): bigint {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return BigInt(`0x${mask ?? '0'}`) & ~IGNORED_BY_NODE;
  } catch {
    return 0n;
  }
}
