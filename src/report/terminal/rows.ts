/** The text rows: enforcement, steps, expectations, leftover processes, warnings. */

import { groupDigits } from '../../request/size.ts';
import { diedText, ofLimit } from '../../result/headline.ts';
import { BY_MODULE, endsFaults, GATE_NOTES, LAST_OUTPUT, UNWATCHED } from '../../result/notes.ts';
import type { Expectation, Injection, Result, Step } from '../../result/schema.ts';
import { counted, duration, ending, number, shortSize, size } from '../../text/figures.ts';
import type { LabelledLines, Line } from '../../text/layout.ts';
import { columns, cut, padded, visible } from '../../text/visible.ts';

const SHOWN_ORPHANS = 8;
const NAME_LENGTH = 20;
const SHORT_COMMAND = 60;
const LONG_COMMAND = 1000;
const EXPR_LENGTH = 200;

/** Notes that apply to every run under the gate. */
const NOT_SHOWN: ReadonlySet<string> = new Set([...Object.values(GATE_NOTES), BY_MODULE]);

export function enforcementRow(result: Result, verbose: boolean): LabelledLines {
  const { enforcement, environment } = result;
  const { mode, granularity, vm, notes, gatedCalls, reclaims, rcuWaits } = enforcement;
  const where = vm === null ? `Linux ${environment.kernel}` : `Linux ${vm.kernel} in a microVM (${vm.accel})`;
  const what = {
    gate: `gate on ${where}, per system call${endsFaults(enforcement.programs) ? ' and page fault' : ''}`,
    kernel: `BPF programs in ${where}, ${granularity === 'object' ? 'on files, sockets and mappings; per system call otherwise' : 'on every allocation'}`,
    native: `${notes.includes(BY_MODULE) ? 'the module kmem_native in' : "the kernel's own limit on"} ${where}, on every charge`,
    none: `none on ${where}: counted, not limited`,
    unknown: 'none was in place',
  }[mode ?? 'unknown'];
  const isUnlimited = ofLimit(result, 'kmem', String) === '';
  const unlimited = isUnlimited && mode !== 'none' && mode !== null ? ' (no kmem limit was requested)' : '';
  const counts = [
    ...(gatedCalls === null ? [] : [counted(gatedCalls, 'call gated', 'calls gated')]),
    ...(reclaims === null ? [] : [counted(reclaims, 'reclaim')]),
    ...(rcuWaits === null || rcuWaits.count === 0
      ? []
      : [`${counted(rcuWaits.count, 'wait')} for RCU (${duration(rcuWaits.waitedMs)})`]),
  ].join(', ');
  const shown = verbose
    ? [counts, ...notes]
    : notes.filter((note) => !NOT_SHOWN.has(note) && !note.startsWith(UNWATCHED) && !note.startsWith(LAST_OUTPUT));
  const more = shown.filter((line) => line !== '').map(visible);
  return { label: 'enforcement', lines: [`${visible(what)}${unlimited}`, ...more] };
}

/** `width`: columns for one line, null for no limit; the command is shortened, the figures are not. */
export function stepRows({ steps, outcome }: Result, width: number | null, verbose: boolean): LabelledLines[] {
  if (steps.length === 0) return [];
  const figures = aligned(steps.map(stepFigures));
  const longest = verbose ? LONG_COMMAND : SHORT_COMMAND;
  const left = width === null ? longest : Math.max(8, Math.min(longest, width - columns(figures[0] ?? '') - 5));
  const commands = aligned(steps.map(({ command }) => [cut(command, left)]));
  const lines = steps.map(({ exit }, index): Line => {
    const text = `${String(index).padStart(String(steps.length - 1).length)}  ${commands[index]}  ${figures[index]}`;
    // If the run passed, the failure of a step was expected.
    return { text: text.trimEnd(), tone: exit.code === 0 || outcome === 'passed' ? 'plain' : 'bad' };
  });
  return [{ label: 'steps', lines }];
}

function stepFigures({ kind, exit, wallMs, failcnt, kmemMaxUsage }: Step): string[] {
  // A result saved before kinds existed lacks the key.
  const isRead = (kind ?? 'command') === 'command' || kmemMaxUsage !== null;
  const figures = isRead ? [`failcnt ${number(failcnt)}`, `peak ${shortSize(kmemMaxUsage)}`] : ['', ''];
  return [visible(ending(exit)), duration(wallMs), ...figures];
}

export function expectationRows({ expectations }: Result, verbose: boolean): LabelledLines[] {
  const shown = expectations.filter(({ implicit, passed }) => verbose || !implicit || !passed);
  return shown.length === 0 ? [] : [{ label: 'expected', lines: shown.map(expectationLine) }];
}

function expectationLine({ expr, implicit, passed, actual }: Expectation): Line {
  const found =
    typeof actual === 'number' ? groupDigits(actual) : actual === null ? 'unknown' : cut(String(actual), EXPR_LENGTH);
  const by = implicit ? ', implicit' : '';
  return {
    text: `${passed ? '✓' : '✗'} ${cut(expr, EXPR_LENGTH)}  (it is ${found}${by})`,
    tone: passed ? 'good' : 'bad',
  };
}

export function leftoverRows({ leftover, ending, spec }: Result, verbose: boolean): LabelledLines[] {
  if (leftover.length === 0) return [];
  const names = [...Map.groupBy(leftover, ({ comm }) => comm)].map(([comm, processes]) => {
    const pids = processes.map(({ pid }) => pid).join(', ');
    const which = verbose || processes.length === 1 ? pids : counted(processes.length, 'process', 'processes');
    return `${cut(comm, NAME_LENGTH)} (${which})`;
  });
  const was = leftover.length === 1 ? 'was' : 'were';
  const why = {
    quiet: `${was} running and quiet for ${duration(spec.quietForMs)}; stopped`,
    limit: `${was} still busy after ${duration(ending?.waitedMs ?? null)}; stopped`,
    stopped: `${was} running until Ctrl-C; stopped`,
    killed: `${was} running; killed`,
  }[leftoverReason(ending)];
  return [{ label: 'left over', lines: [`${names.join(', ')} ${why}`, ...leftoverHint(spec, ending)] }];
}

/** For users who did not specify what a run does with a daemon. */
function leftoverHint({ plan, then, holdMs, wait }: Result['spec'], ending: Result['ending'] | undefined): string[] {
  const isAsked = plan !== null || then.length > 0 || holdMs > 0 || wait === 'empty';
  if (isAsked || leftoverReason(ending) === 'stopped') return [];
  return ['hint: use it with --then, keep it longer with --hold, or wait until it exits with --wait empty'];
}

// A result saved before rules existed lacks the key.
function leftoverReason(ending: Result['ending'] | undefined): 'quiet' | 'limit' | 'stopped' | 'killed' {
  const reason = ending?.reason;
  return reason === 'quiet' || reason === 'limit' || reason === 'stopped' ? reason : 'killed';
}

/** Processes that outlived their parent and died before the run was over. */
export function orphanRows({ orphans }: Result): LabelledLines[] {
  const lines = (orphans ?? []).map((orphan): Line => ({ text: diedText(orphan), tone: 'bad' }));
  return lines.length === 0 ? [] : [{ label: 'died', lines: lines.slice(0, SHOWN_ORPHANS) }];
}

/** The last output of a microVM that died, line by line: it often says why. */
export function lastOutputRows({ enforcement: { notes } }: Result): LabelledLines[] {
  const output = notes.find((note) => note.startsWith(LAST_OUTPUT))?.slice(LAST_OUTPUT.length);
  return output === undefined ? [] : [{ label: 'last output', lines: output.split('\n').map(visible) }];
}

export function crashRows({ crashes }: Pick<Result, 'crashes'>): LabelledLines[] {
  // A result saved before crashes were recorded lacks the key.
  const lines = (crashes ?? []).map(({ comm, pid, signal, step }): Line => {
    const when = step === null ? '' : ` in step ${step}`;
    return {
      text: `${comm === null ? 'a process' : cut(comm, NAME_LENGTH)} (${pid}) died of ${signal}${when}`,
      tone: 'bad',
    };
  });
  return lines.length === 0 ? [] : [{ label: 'crashed', lines }];
}

export function warningRows({ warnings }: Result): LabelledLines[] {
  return warnings.length === 0
    ? []
    : [{ label: 'warning', lines: warnings.map((text): Line => ({ text: visible(text), tone: 'warn' })) }];
}

/** What only `--verbose` shows. */
export function detailRows({ durations, limits, environment, samples, id }: Result): LabelledLines[] {
  const { userMs, systemMs, wallMs } = durations;
  const above = limits.ancestors.map(({ directory, file, limit, controller }) => {
    return `${visible(file)} ${controller === 'pids' ? number(limit) : size(limit)} at ${visible(directory)}`;
  });
  const { kmemRun, node, cgroup, cpus, memTotal, swapTotal, aslr, cold } = environment;
  const state = [`randomisation ${aslr ? 'on' : 'off'}`, ...(cold === null ? [] : [cold ? 'cold' : 'warm'])].join(', ');
  return [
    {
      label: 'time',
      lines: [`${duration(wallMs)}; CPU ${duration(userMs)} in user mode, ${duration(systemMs)} in the kernel`],
    },
    ...(above.length === 0 ? [] : [{ label: 'above', lines: above }]),
    {
      label: 'machine',
      lines: [
        `cgroup ${cgroup ?? 'none'}, ${counted(cpus, 'CPU')}, memory ${shortSize(memTotal)}, swap ${shortSize(swapTotal)}, ${state}`,
      ],
    },
    {
      label: 'run',
      lines: [`${visible(id)}, ${counted(samples.length, 'sample')}, kmem-run ${kmemRun}, Node ${node}`],
    },
  ];
}

/** Cells padded to columns, two blanks between them. */
export function aligned(table: readonly (readonly string[])[]): string[] {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((cells) => columns(cells[column] ?? ''))));
  return table.map((cells) => cells.map((cell, column) => padded(cell, widths[column] ?? 0)).join('  '));
}

type Counter = Readonly<{ maxUsage: number | null; usage: number | null; failcnt: number | null }>;

export function counterRows(result: Result, verbose: boolean): LabelledLines[] {
  const { limits, mem, memsw, kmemTcp, pids } = result;
  const rows = [kmemRow(result, verbose), memoryRow(result, verbose)];
  const swapped = memsw !== null && mem.maxUsage !== null && memsw.maxUsage !== null && memsw.maxUsage > mem.maxUsage;
  if (memsw !== null && (verbose || limits.memsw !== null || swapped || isHit(memsw))) {
    rows.push({ label: 'memory+swap', lines: [counterText(memsw, ofLimit(result, 'memsw', size), verbose)] });
  }
  if (kmemTcp !== null && (verbose || limits.kmemTcp !== null || isHit(kmemTcp))) {
    rows.push({ label: 'TCP buffers', lines: [counterText(kmemTcp, ofLimit(result, 'kmemTcp', size), verbose)] });
  }
  if (pids !== null && (verbose || limits.pids !== null || (pids.failcnt ?? 0) > 0)) {
    const limit = ofLimit(result, 'pids', number);
    rows.push({ label: 'processes', lines: [`at most ${number(pids.max)}${limit}, failcnt ${number(pids.failcnt)}`] });
  }
  return rows;
}

function kmemRow(result: Result, verbose: boolean): LabelledLines {
  const { kmem, enforcement } = result;
  const text = [
    counterText(kmem, ofLimit(result, 'kmem', size), verbose),
    ...(kmem.overshoot === null ? [] : [`overshoot ${size(kmem.overshoot)}`]),
    ...(kmem.uncertainty === null || kmem.uncertainty === 0 ? [] : [`give or take ${size(kmem.uncertainty)}`]),
    ...(kmem.maxUsageSource === 'samples' ? ['the highest sampled value'] : []),
    ...(verbose && enforcement.reserve !== null ? [`reserve ${size(enforcement.reserve)}`] : []),
  ].join(', ');
  return { label: 'kmem', lines: [text, ...whereItWent(kmem, verbose ? size : shortSize)] };
}

const PARTS: Readonly<Record<string, string>> = {
  kernel_stack: 'stacks',
  pagetables: 'page tables',
  percpu: 'per-CPU data',
};

/** Breakdown of the peak, largest first. Socket buffers are not part of it. */
function whereItWent({ parts, maxUsage }: Result['kmem'], say: (bytes: number) => string): string[] {
  if (parts === null || maxUsage === null) return [];
  const { sock, ...inKmem } = parts;
  const known = Object.values(inKmem).reduce((sum, bytes) => sum + bytes, 0);
  const shares = Object.entries({ ...inKmem, other: Math.max(0, maxUsage - known) })
    .filter(([, bytes]) => bytes > 0)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, bytes]) => `${PARTS[name] ?? name} ${say(bytes)}`);
  const apart = sock === undefined || sock === 0 ? [] : [`and separately, socket buffers ${say(sock)}`];
  return shares.length === 0 ? [] : [`where it went: ${[...shares, ...apart].join(', ')}`];
}

function memoryRow(result: Result, verbose: boolean): LabelledLines {
  const { mem } = result;
  const oomKills = (mem.oomKills ?? 0) > 0 ? `, OOM kills ${number(mem.oomKills)}` : '';
  return { label: 'memory', lines: [`${counterText(mem, ofLimit(result, 'mem', size), verbose)}${oomKills}`] };
}

function counterText({ maxUsage, usage, failcnt }: Counter, limit: string, verbose: boolean): string {
  return `peak ${size(maxUsage)}${limit === '' ? ' (no limit)' : limit}, failcnt ${number(failcnt)}${verbose ? `, at the end ${size(usage)}` : ''}`;
}

function isHit({ failcnt }: Counter): boolean {
  return (failcnt ?? 0) > 0;
}

export function injectionRows({ injections, spec }: Pick<Result, 'injections' | 'spec'>): LabelledLines[] {
  // A result saved by a version without injections lacks both.
  if (spec.inject.length === 0) return [];
  const lines = injections?.map(lineOf) ?? [{ text: 'their outcome is unknown', tone: 'warn' }];
  return [{ label: 'injected', lines }];
}

function lineOf({ address, mode, outcome, denials, seen }: Injection): Line {
  switch (outcome) {
    case 'not-reached':
      return { text: `${address}: not reached: no such call was made`, tone: 'warn' };
    case 'diverged':
      return { text: `${address}: not injected: the call made there was ${seen ?? 'another'}`, tone: 'warn' };
    case 'injected':
      if (denials === 0) return { text: `${address}: the call was made, but it cannot fail`, tone: 'warn' };
      return {
        text: `${address}: ${mode === 'once' ? 'failed' : `${counted(denials, 'call')} failed`}`,
        tone: 'plain',
      };
  }
}
