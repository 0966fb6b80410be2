/** The marks of a plot, one after the other from left to right, and what is known about each. */

import { failureFacts } from './failure.ts';
import type { Plot } from './index.ts';
import { optionOf } from './index.ts';
import { light } from './palette.ts';

export type Mark = Readonly<{
  seriesId: string;
  seriesIndex: number;
  dataIndex: number;
  x: number;
  /** The text of its tip. */
  text: string;
}>;

export type MarkFacts = Readonly<{
  facts: readonly (readonly [string, string])[];
  /** A shell command; null: none. */
  replay: string | null;
}>;

type DrawnSeries = Readonly<{ id?: unknown; data?: unknown; tooltip?: { formatter?: unknown } }>;
type Formatter = (params: { dataIndex: number }) => string;

export function marksOf(plot: Plot): Mark[] {
  const { series } = optionOf(plot, { palette: light, width: 1000, live: true });
  const all: readonly DrawnSeries[] = Array.isArray(series) ? (series as DrawnSeries[]) : [];
  return all
    .flatMap((one, seriesIndex) => {
      const formatter = one.tooltip?.formatter;
      if (typeof formatter !== 'function' || !Array.isArray(one.data)) return [];
      return one.data.map((datum, dataIndex): Mark => {
        const text = (formatter as Formatter)({ dataIndex });
        return { seriesId: String(one.id), seriesIndex, dataIndex, x: xOf(datum), text };
      });
    })
    .toSorted((a, b) => a.x - b.x);
}

function xOf(datum: unknown): number {
  const value = Array.isArray(datum) ? datum : (datum as { value?: unknown } | null)?.value;
  return Array.isArray(value) ? Number(value[0]) : Number(value);
}

/** Null: the tip says everything. */
export function factsOf(plot: Plot, { seriesId, dataIndex }: Pick<Mark, 'seriesId' | 'dataIndex'>): MarkFacts | null {
  if (plot.kind === 'timeline') {
    const failure = plot.data.failures[dataIndex];
    return failure === undefined || seriesId !== 'failures' ? null : { facts: failureFacts(failure), replay: null };
  }
  if (plot.kind !== 'explore') return null;
  const call = plot.data.calls.filter(({ class: name }) => name === seriesId)[dataIndex];
  if (call === undefined) return null;
  const { class: name, address, program, syscall, detail, how, replay } = call;
  const facts = [
    ['class', name],
    ['program', program ?? 'not read'],
    ['call', `${syscall}${detail === null ? '' : ` of ${detail}`}`],
    ['address', address],
    ...(how === null ? [] : [['reaction', how] as const]),
  ] as const;
  return { facts, replay };
}
