/** Runs as CSV (RFC 4180), for spreadsheets: one line per run, keys as in the result. */

import { writeReport } from '../host/write-file.ts';
import type { Result } from '../result/schema.ts';
import { firstFailing, kernelOf } from '../result/summary.ts';
import type { StoredRun } from '../statistics/sample.ts';
import { escapeControls } from '../text/quote.ts';
import { visible } from '../text/visible.ts';

type Value = string | number | boolean | null | undefined;
type Column = readonly [name: string, read: (result: Result, run: StoredRun) => Value];

const columns: readonly Column[] = [
  ['id', ({ id }) => id],
  ['experiment', (_, { experimentId }) => experimentId],
  ['point', (_, { point }) => point],
  ['repeat', (_, { repeat }) => repeat],
  ['label', (_, { label }) => label],
  ['startedAt', ({ startedAt }) => startedAt],
  ['command', ({ spec }) => spec.command.join(' ')],
  ['then', ({ spec }) => spec.then.join('; ')],
  ['outcome', ({ outcome }) => outcome],
  ['terminationReason', ({ terminationReason }) => terminationReason],
  ['error.code', ({ error }) => error?.code],
  ['exit.code', ({ exit }) => exit.code],
  ['exit.signal', ({ exit }) => exit.signal],
  ['durations.wallMs', ({ durations }) => durations.wallMs],
  ['durations.userMs', ({ durations }) => durations.userMs],
  ['durations.systemMs', ({ durations }) => durations.systemMs],
  ['spec.limits.kmem', ({ spec }) => spec.limits.kmem],
  ['spec.limits.mem', ({ spec }) => spec.limits.mem],
  ['spec.limits.memsw', ({ spec }) => spec.limits.memsw],
  ['spec.limits.kmemTcp', ({ spec }) => spec.limits.kmemTcp],
  ['spec.limits.pids', ({ spec }) => spec.limits.pids],
  ['kmem.maxUsage', ({ kmem }) => kmem.maxUsage],
  ['kmem.usage', ({ kmem }) => kmem.usage],
  ['kmem.failcnt', ({ kmem }) => kmem.failcnt],
  ['kmem.overshoot', ({ kmem }) => kmem.overshoot],
  ['mem.maxUsage', ({ mem }) => mem.maxUsage],
  ['mem.failcnt', ({ mem }) => mem.failcnt],
  ['mem.oomKills', ({ mem }) => mem.oomKills],
  ['pids.max', ({ pids }) => pids?.max],
  ['firstFailing', firstFailing],
  ['leftover.length', ({ leftover }) => leftover.length],
  ['enforcement.mode', ({ enforcement }) => enforcement.mode],
  ['kernel', kernelOf],
  ['environment.cgroup', ({ environment }) => environment.cgroup],
  ['environment.cpus', ({ environment }) => environment.cpus],
  ['environment.aslr', ({ environment }) => environment.aslr],
  ['environment.kmemRun', ({ environment }) => environment.kmemRun],
];

export function csvHead(): string {
  return line(columns.map(([name]) => name));
}

export function csvLine(run: StoredRun): string {
  return line(columns.map(([, read]) => read(run.result, run)));
}

function line(values: readonly Value[]): string {
  return `${values.map(field).join(',')}\r\n`;
}

// What a spreadsheet reads as the start of a formula, including the forms typed on East Asian keyboards.
const formula = /^[\s\p{Z}]*[=+\-@＝＋－＠]|^[\t\r\n]/u;
// A semicolon separates fields where the decimal sign is a comma; some spreadsheets drop an apostrophe or a blank at an
// end.
const quotable = /[",;'\t\r\n]|^ | $/;

/** An unknown value is an empty field. */
function field(value: Value): string {
  if (typeof value !== 'string') return value === null || value === undefined ? '' : String(value);
  const text = harmless(value);
  return quotable.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Line ends and tabs stay, since quotes contain them; a terminal would obey other controls, and a spreadsheet would run
 * a formula.
 */
function harmless(text: string): string {
  const shown = text
    .split(/([\n\t])/)
    .map((part, index) => (index % 2 === 1 ? part : visible(part)))
    .join('');
  return formula.test(shown) ? `'${shown}` : shown;
}

/** Ends with a newline. */
export function jsonReport(result: Result): string {
  return `${escapeControls(JSON.stringify(result, null, 2))}\n`;
}

/** Writes the result to a file, or to stdout for `-`; see writeReport(). @throws SetupError `json-not-written`. */
export async function writeJson(path: string, result: Result, givenUp?: AbortSignal): Promise<void> {
  await writeReport(path, jsonReport(result), givenUp);
}
