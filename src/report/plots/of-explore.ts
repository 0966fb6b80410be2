/** What there is to draw of an exploration. */

import type { ExploreFinding, ExploreReport } from '../explore.ts';
import { counted } from '../words.ts';
import { CALL_CLASSES, compareProcesses, type ExplorePlot, type TriedCall } from './explore-tree.ts';

export function exploreOf(report: ExploreReport, id: string): ExplorePlot | null {
  const calls = callsOf(report);
  if (calls.length === 0) return null;
  const counts = CALL_CLASSES.map((name) => [name, calls.filter((call) => call.class === name).length] as const);
  const words = counts.filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`);
  return {
    kind: 'explore',
    id,
    title: 'Processes and their calls',
    about: `${counted(calls.length, 'failure')} of calls, by process and by what came of it: ${words.join(', ')}. Of two marks side by side the right one is of the call with all later calls of its process.`,
    data: { calls },
  };
}

/** All that were tried where the report has them; one of an earlier kmem-run has what it found alone. */
export function callsOf({ findings, unsteady, tried }: ExploreReport): TriedCall[] {
  const told = [
    ...findings.map((finding) => callOf(finding, finding.class)),
    ...unsteady.map((finding) => callOf(finding, 'unsteady' as const)),
  ];
  const known = new Set(told.map(({ address }) => address));
  const rest = (tried ?? []).filter(({ address }) => !known.has(address)).map((call) => callOf(call, call.class));
  return [...told, ...rest].toSorted((a, b) => compareProcesses(a.process, b.process) || a.index - b.index);
}

type Told = Pick<ExploreFinding, 'address' | 'program' | 'syscall' | 'detail'> &
  Readonly<{ how: string | null; replay: string | null }>;

function callOf({ address, program, syscall, detail, how, replay }: Told, name: TriedCall['class']): TriedCall {
  // A report may come from anywhere: one address that is none must not keep the rest from being seen.
  const [, process = address, index = '0'] = /^([0-9.t]+)\/([0-9]+)/.exec(address) ?? [];
  return { class: name, address, process, index: Number(index), program, syscall, detail, how, replay };
}
