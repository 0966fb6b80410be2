/** One run: its outcome, its timeline, what failed, where it ran, how to repeat it. */

import { headline, toneOf } from '../../../result/headline.ts';
import type { Result } from '../../../result/schema.ts';
import { recordedOf } from '../../../statistics/recorded.ts';
import { tokenOf } from '../../../store/token.ts';
import { counted, duration, ending, formatSize, NOT_READ, number, shortSize, size } from '../../../text/figures.ts';
import { shellLine } from '../../../text/quote.ts';
import { partsOf, timelineOf } from '../../plots/parts-of-kmem.ts';
import { badge, type Fact, facts, figures, heading, list, notices, shellCommand, table } from '../common.ts';
import type { Gathering } from '../data.ts';
import { type Content, html, type Markup, type Section } from '../markup.ts';
import { failureParts } from './failures.ts';
import { profilePart } from './profile.ts';

export function runSection(result: Result, prefix: string, gathering: Gathering): Section {
  const command = shellLine(result.spec.command);
  return {
    title: `${result.outcome}: ${command}`,
    body: html`${heading(2, [badge(result.outcome, toneIn(result)), html` <code>${command}</code>`])}${runBody(result, prefix, gathering)}`,
  };
}

/** Without its heading; `level`: of its subheadings. */
export function runBody(result: Result, prefix: string, gathering: Gathering, level = 3): Markup {
  return html`<p>${headline(result)}</p>
${figures(firstFigures(result))}
${notices(result)}
${gathering.figure(timelineOf(result, `${prefix}-timeline`), level)}
${gathering.figure(partsOf(result, `${prefix}-parts`), level)}
${profilePart(result, prefix, gathering, level)}
${failureParts(result, prefix, gathering, level)}
${stepPart(result, level)}
${expectationPart(result, level)}
${leftoverPart(result, level)}
${heading(level, 'Where it ran')}${facts(environmentOf(result))}${list(result.enforcement.notes)}
${replayPart(result, level)}`;
}

export function toneIn(result: Pick<Result, 'outcome'>) {
  const tone = toneOf(result);
  return tone === 'good' || tone === 'warn' || tone === 'bad' ? tone : 'plain';
}

function firstFigures({ kmem, limits, mem, durations, pids, enforcement }: Result): Fact[] {
  const over = kmem.overshoot === null || kmem.overshoot === 0 ? null : `${formatSize(kmem.overshoot)} above the limit`;
  const source = kmem.maxUsageSource === 'samples' ? 'a lower bound, from samples' : null;
  const limit = limits.kmem === null ? 'no limit' : `limit ${size(limits.kmem)}`;
  return [
    [
      'Peak of kernel memory',
      shortSize(kmem.maxUsage),
      [limit, ...(over === null ? [] : [`; ${over}`]), ...(source === null ? [] : [`; ${source}`])],
    ],
    [
      enforcement.mode === 'gate' ? 'Calls denied' : 'failcnt',
      number(kmem.failcnt),
      enforcement.mode === 'native' || enforcement.mode === 'kernel' ? 'retries and page faults count too' : null,
    ],
    ['Peak of memory', shortSize(mem.maxUsage), limits.mem === null ? 'no limit' : `limit ${formatSize(limits.mem)}`],
    [
      'Processes at once',
      pids === null ? NOT_READ : number(pids.max),
      limits.pids === null ? 'no limit' : `limit ${limits.pids}`,
    ],
    [
      'Took',
      duration(durations.wallMs),
      `CPU: ${duration(durations.userMs)} user, ${duration(durations.systemMs)} kernel`,
    ],
  ];
}

function stepPart({ steps }: Result, level: number): Markup {
  if (steps.length === 0) return html``;
  const rows = steps.map((step, index) => [
    index,
    step.name === null ? step.command : `${step.name}: ${step.command}`,
    step.error === null ? ending(step.exit) : `${ending(step.exit)}: ${step.error}`,
    step.atMs,
    step.wallMs,
    step.kmemMaxUsage,
    step.failcnt,
  ]);
  return html`${heading(level, 'Steps')}${table({
    caption: counted(steps.length, 'step'),
    columns: [
      { title: 'step', unit: 'count' },
      { title: 'command', unit: 'text' },
      { title: 'ended', unit: 'text' },
      { title: 'started at', unit: 'ms', whenNull: 'never started' },
      { title: 'took', unit: 'ms', whenNull: 'no end seen' },
      { title: 'peak', unit: 'bytes', whenNull: NOT_READ },
      { title: 'failcnt', unit: 'count', whenNull: NOT_READ },
    ],
    rows,
  })}`;
}

function expectationPart({ expectations }: Result, level: number): Markup {
  if (expectations.length === 0) return html``;
  return html`${heading(level, 'Expectations')}${table({
    caption: counted(expectations.length, 'expectation'),
    columns: [
      { title: 'holds', unit: 'text' },
      { title: 'expression', unit: 'text' },
      { title: 'actual', unit: 'text', whenNull: 'nothing to compare' },
      { title: 'requested', unit: 'text' },
    ],
    rows: expectations.map(({ passed, expr, actual, implicit }) => [
      passed ? '✓ yes' : '✗ no',
      expr,
      actual === null ? null : String(actual),
      implicit ? 'by kmem-run' : 'by you',
    ]),
  })}`;
}

function leftoverPart({ leftover }: Result, level: number): Markup {
  if (leftover.length === 0) return html``;
  return html`${heading(level, 'Left over')}<p class="note">These processes were still running when the run ended. kmem-run stopped them.</p>
${list(leftover.map(({ pid, comm }) => html`<code>${comm}</code> (${pid})`))}`;
}

function environmentOf({ environment, enforcement, spec, startedAt, id, terminationReason, limits }: Result): Fact[] {
  const { vm } = enforcement;
  const bound = spec.cpus === null ? '' : `, bound to ${spec.cpus.join(', ')}`;
  return [
    ['run', html`<code>${id}</code>`],
    ['started', startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    ...(terminationReason === null ? [] : [['ended by kmem-run for', terminationReason] as const]),
    ['enforced by', enforcement.mode ?? 'nothing: the run did not start', reserveText(enforcement.reserve)],
    ['kernel', environment.kernel, vm === null ? null : `in a microVM (${vm.accel ?? 'it did not boot'})`],
    ['cgroups', environment.cgroup ?? 'none found'],
    ['CPUs', `${environment.cpus}${bound}`],
    ['memory, swap', `${size(environment.memTotal)}; ${size(environment.swapTotal)}`],
    ['randomisation', environment.aslr ? 'on' : 'off'],
    [
      'cold',
      environment.cold === null ? 'unknown' : environment.cold ? 'yes: the first run of this command here' : 'no',
    ],
    ...limits.ancestors.map(({ directory, file, limit }): Fact => [`${file} above`, limitText(file, limit), directory]),
    ['kmem-run', `${environment.kmemRun}, Node ${environment.node}`],
  ];
}

function reserveText(reserve: number | null): Content {
  return reserve === null ? null : `reserve ${formatSize(reserve)}`;
}

function limitText(file: string, limit: number): string {
  return file.startsWith('pids') ? number(limit) : size(limit);
}

function replayPart(result: Result, level: number): Markup {
  const { id, spec, outcome } = result;
  if (spec.plan !== null && spec.template === null)
    return html`${heading(level, 'Replay')}<p class="note">This run belongs to a scenario: repeat it with kmem-run scenario run.</p>`;
  if (outcome === 'setup-error' || outcome === 'interrupted')
    return html`${heading(level, 'Replay')}<p class="note">This run cannot be replayed: it ${outcome === 'interrupted' ? 'was interrupted' : 'did not run'}.</p>`;
  return html`${heading(level, 'Replay')}
<p class="note">On the machine where it was saved:</p>
${shellCommand(`kmem-run replay ${id}`, 'the replay of the saved run')}
<p class="note">On any machine; the command contains the whole run, including the variables of --env:</p>
${shellCommand(`kmem-run replay ${tokenOf(recordedOf(result, null))}`, 'the replay without a store')}`;
}
