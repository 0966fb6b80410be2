/** Measures rows on the running kernel: each under each limit, in each mode, one run after the other. */

import { normaliseSpec } from '../../request/normalise.ts';
import type { RunSpec } from '../../request/run-spec.ts';
import { formatSize } from '../../request/size.ts';
import type { Result } from '../../result/schema.ts';
import { counted } from '../../text/figures.ts';
import type { MeasuredMode, Reading, Try } from './judge.ts';
import type { ObjectRow } from './rows.ts';
import { readTries, type Workshop } from './workload.ts';

export type RowsRequest = Readonly<{
  rows: readonly ObjectRow[];
  modes: readonly MeasuredMode[];
  /** Bytes, in ascending order. */
  limits: readonly number[];
  /** Bytes that the gate keeps free. */
  reserve: number;
  /** Path of the program that creates the objects. */
  program: string;
}>;

export type RunFunction = (spec: RunSpec) => Promise<Result>;

export type MeasureOptions = Readonly<{
  run: RunFunction;
  workshop: Workshop;
  /** Called when a row is fully measured. */
  onRow: (readings: readonly Reading[]) => void;
  /** Called before each run: number of runs made, and the next run. */
  onRun: (made: number, now: string) => void;
}>;

/** For a broken kernel or gate; the largest row takes a minute under emulation. */
const TIMEOUT = '5m';

/** Every reading of every row, including those without tries. @throws SetupError where no run can be made at all. */
export async function measureRows(request: RowsRequest, options: MeasureOptions): Promise<Reading[]> {
  const all: Reading[] = [];
  let made = 0;
  for (const row of request.rows) {
    const readings: Reading[] = [];
    for (const [index, limit] of limitsFor(row, request.limits).entries()) {
      for (const mode of request.modes) {
        options.onRun(made, `${row.name} ${mode} at ${formatSize(limit)}`);
        readings.push(await measure({ ...request, row, limit, mode, index }, options));
        made += 1;
      }
    }
    options.onRow(readings);
    all.push(...readings);
  }
  return all;
}

export function countRuns({ rows, limits, modes }: RowsRequest): number {
  return rows.reduce((sum, row) => sum + limitsFor(row, limits).length * modes.length, 0);
}

/** What is not refused under the smallest limit is refused under none. */
export function limitsFor({ kind }: ObjectRow, limits: readonly number[]): readonly number[] {
  return kind === 'charged' ? limits : limits.slice(0, 1);
}

type Measurement = RowsRequest & Readonly<{ row: ObjectRow; limit: number; mode: MeasuredMode; index: number }>;

async function measure(measurement: Measurement, { run, workshop }: MeasureOptions): Promise<Reading> {
  const { row, limit, mode } = measurement;
  const result = await run(specOf(measurement, workshop));
  const { granularity } = result.enforcement;
  const reading = { row: row.name, mode, granularity, limit, overshoot: result.kmem.overshoot };
  try {
    const tries = result.outcome === 'passed' ? readTries(workshop.output) : [];
    return { ...reading, tries, problem: problemOf(result, tries, triesOf(row, mode)) };
  } catch (error) {
    return { ...reading, tries: [], problem: error instanceof Error ? error.message : String(error) };
  }
}

function triesOf({ tries }: ObjectRow, mode: MeasuredMode): number {
  return mode === 'gate' ? tries.gate : tries.kernel;
}

/** Each limit starts where the previous one's tries ended, so that together they cover more. */
function specOf({ row, limit, mode, index, reserve, program }: Measurement, workshop: Workshop): RunSpec {
  const tries = triesOf(row, mode);
  const words = [row.name, workshop.folderFor(row.name), '0', String(tries), String(index * tries)];
  return normaliseSpec({
    command: [program, ...words],
    kmem: limit,
    enforce: mode,
    reserve,
    allowIoUring: true,
    sample: 'off',
    timeout: TIMEOUT,
    output: { file: workshop.output },
  });
}

function problemOf(result: Result, tries: readonly Try[], asked: number): string | null {
  const { outcome, terminationReason, exit } = result;
  const how = terminationReason ?? exit.signal ?? `exit ${exit.code}`;
  if (outcome !== 'passed') return `the workload did not exit by itself: ${outcome}, ${how}`;
  if (tries.length < asked) return `${tries.length} of ${counted(asked, 'try', 'tries')}`;
  return null;
}
