/** The rows of words: enforcement, steps, expectations, what was left over, warnings. */

import { GATE_NOTE } from '../result/notes.ts';
import type { Expectation, Result, Step } from '../result/schema.ts';
import { groupDigits } from '../spec/size.ts';
import { diedText } from './headline.ts';
import type { Line, Row } from './layout.ts';
import { columns, cut, visible } from './visible.ts';
import { counted, duration, ending, number, ofLimit, shortSize, size } from './words.ts';

const shownOrphans = 8;
const nameLength = 20;
const shortCommand = 60;
const longCommand = 1000;
const exprLength = 200;

export function enforcementRow(result: Result, verbose: boolean): Row {
  const { enforcement, environment } = result;
  const { mode, vm, notes, gatedCalls, reclaims } = enforcement;
  const where = vm === null ? `Linux ${environment.kernel}` : `Linux ${vm.kernel} in a microVM (${vm.accel})`;
  const what = {
    gate: `gate on ${where}, per system call; page faults and what one call allocates inside are measured, not stopped`,
    native: `the kernel's own limit on ${where}, on every charge`,
    none: `none on ${where}: counted, not limited`,
    unknown: 'none was in place',
  }[mode ?? 'unknown'];
  const isUnlimited = ofLimit(result, 'kmem', String) === '';
  const unlimited = isUnlimited && mode !== 'none' && mode !== null ? ' (no kmem limit was asked for)' : '';
  const counts = [
    ...(gatedCalls === null ? [] : [counted(gatedCalls, 'call gated', 'calls gated')]),
    ...(reclaims === null ? [] : [counted(reclaims, 'reclaim')]),
  ].join(', ');
  // What holds for every gated run is in the line above already.
  const told = verbose ? [counts, ...notes] : notes.filter((note) => note !== GATE_NOTE);
  const more = told.filter((line) => line !== '').map(visible);
  return { label: 'enforcement', lines: [`${visible(what)}${unlimited}`, ...more] };
}

/** `width`: columns for one line, null for as many as it takes; the command gives way, the figures do not. */
export function stepRows({ steps, outcome }: Result, width: number | null, verbose: boolean): Row[] {
  if (steps.length === 0) return [];
  const figures = aligned(steps.map(stepFigures));
  const longest = verbose ? longCommand : shortCommand;
  const left = width === null ? longest : Math.max(8, Math.min(longest, width - columns(figures[0] ?? '') - 5));
  const commands = aligned(steps.map(({ command }) => [cut(command, left)]));
  const lines = steps.map(({ exit }, index): Line => {
    const text = `${String(index).padStart(String(steps.length - 1).length)}  ${commands[index]}  ${figures[index]}`;
    // Where the run passed, the failure of a step was what was expected.
    return { text: text.trimEnd(), tone: exit.code === 0 || outcome === 'passed' ? 'plain' : 'bad' };
  });
  return [{ label: 'steps', lines }];
}

function stepFigures({ kind, exit, wallMs, failcnt, kmemMaxUsage }: Step): string[] {
  // One that was kept before there were kinds lacks the key.
  const isRead = (kind ?? 'command') === 'command' || kmemMaxUsage !== null;
  const figures = isRead ? [`failcnt ${number(failcnt)}`, `peak ${shortSize(kmemMaxUsage)}`] : ['', ''];
  return [visible(ending(exit)), duration(wallMs), ...figures];
}

export function expectationRows({ expectations }: Result, verbose: boolean): Row[] {
  const shown = expectations.filter(({ implicit, passed }) => verbose || !implicit || !passed);
  return shown.length === 0 ? [] : [{ label: 'expected', lines: shown.map(expectationLine) }];
}

function expectationLine({ expr, implicit, passed, actual }: Expectation): Line {
  const found =
    typeof actual === 'number' ? groupDigits(actual) : actual === null ? 'not known' : cut(String(actual), exprLength);
  const by = implicit ? ', implicit' : '';
  return {
    text: `${passed ? '✓' : '✗'} ${cut(expr, exprLength)}  (it is ${found}${by})`,
    tone: passed ? 'good' : 'bad',
  };
}

export function leftoverRows({ leftover, ending, spec }: Result, verbose: boolean): Row[] {
  if (leftover.length === 0) return [];
  const names = [...Map.groupBy(leftover, ({ comm }) => comm)].map(([comm, processes]) => {
    const pids = processes.map(({ pid }) => pid).join(', ');
    const which = verbose || processes.length === 1 ? pids : counted(processes.length, 'process', 'processes');
    return `${cut(comm, nameLength)} (${which})`;
  });
  const was = names.length === 1 ? 'was' : 'were';
  const why = {
    quiet: `${was} running and quiet for ${duration(spec.quietForMs)}; stopped`,
    limit: `${was} still busy after ${duration(ending?.waitedMs ?? null)}; stopped`,
    stopped: `${was} running until Ctrl-C; stopped`,
    killed: `${was} running; killed`,
  }[leftoverReason(ending)];
  return [{ label: 'left over', lines: [`${names.join(', ')} ${why}`] }];
}

// One that was kept before there were rules lacks the key.
function leftoverReason(ending: Result['ending'] | undefined): 'quiet' | 'limit' | 'stopped' | 'killed' {
  const reason = ending?.reason;
  return reason === 'quiet' || reason === 'limit' || reason === 'stopped' ? reason : 'killed';
}

/** Processes that outlived their parent, and died before the run was over. */
export function orphanRows({ orphans }: Result): Row[] {
  const lines = (orphans ?? []).map((orphan): Line => ({ text: diedText(orphan), tone: 'bad' }));
  return lines.length === 0 ? [] : [{ label: 'died', lines: lines.slice(0, shownOrphans) }];
}

export function crashRows({ crashes }: Pick<Result, 'crashes'>): Row[] {
  // One that was kept before there were any lacks the key.
  const lines = (crashes ?? []).map(({ comm, pid, signal, step }): Line => {
    const when = step === null ? '' : ` in step ${step}`;
    return {
      text: `${comm === null ? 'a process' : cut(comm, nameLength)} (${pid}) died of ${signal}${when}`,
      tone: 'bad',
    };
  });
  return lines.length === 0 ? [] : [{ label: 'crashed', lines }];
}

export function warningRows({ warnings }: Result): Row[] {
  return warnings.length === 0
    ? []
    : [{ label: 'warning', lines: warnings.map((text): Line => ({ text: visible(text), tone: 'warn' })) }];
}

/** What only `--verbose` says. */
export function detailRows({ durations, limits, environment, samples, id }: Result): Row[] {
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
function aligned(table: readonly (readonly string[])[]): string[] {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((cells) => columns(cells[column] ?? ''))));
  return table.map((cells) =>
    cells.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - columns(cell))).join('  '),
  );
}
