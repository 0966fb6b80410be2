/** Folded stacks, as flamegraph.pl and speedscope read them: a line for each stack, from the outside in, and its bytes. */

import { frameName, type Moment, type StackRow } from '../../result/profile-parts.ts';
import type { Profile } from '../../result/schema.ts';
import { visible } from '../../text/visible.ts';
import { allStacks, entryName, kernelName, leafName } from './stacks.ts';

/** Largest first; the profiles are added up. */
export function foldedStacks(profiles: readonly Profile[], at: Moment): string {
  const sums = new Map<string, number>();
  for (const row of allStacks(profiles, at)) {
    const stack = foldedStack(row, at);
    sums.set(stack, (sums.get(stack) ?? 0) + row.amount.bytes);
  }
  const lines = [...sums].toSorted(([, a], [, b]) => b - a).map(([stack, bytes]) => `${stack} ${bytes}\n`);
  return lines.join('');
}

function foldedStack(row: StackRow, at: Moment): string {
  const entry = entryName(row);
  return [
    row.comm,
    ...row.user.map(frameName).toReversed(),
    ...(entry === null ? [] : [entry]),
    ...row.kernel.map(kernelName).toReversed(),
    leafName(row, at),
  ]
    .map(foldedName)
    .join(';');
}

/** No name may end the line or the frame, or look like the figure: flamegraph.pl accepts two at the end of a line. */
function foldedName(name: string): string {
  const shown = visible(name).replaceAll(';', ':').trim();
  return shown.replace(/\s(?=\d+(?:\.\d*)?$)/, '_') || '[unknown]';
}
