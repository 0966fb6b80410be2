/** The compared part of a result; the rest need not be held in memory for thousands of runs. */

import { lineOf, STEP_KEYS } from '../request/read-plan.ts';
import type { StepInput } from '../request/run-input.ts';
import type { PlanStep, RunSpec } from '../request/run-spec.ts';
import type { Result } from '../result/schema.ts';
import { kernelOf } from '../result/summary.ts';
import { shellLine } from '../text/quote.ts';
import { type ProfileSample, profileSampleOf } from './growth.ts';

export type RunSample = Readonly<{
  id: string;
  /** Settings that make runs comparable or not: a sweep varies one or more of these. */
  settings: Readonly<Record<Setting, string | number | null>>;
  /** Other facts that a reader of a comparison should know to be equal. */
  circumstances: Readonly<Record<string, string>>;
  outcome: string;
  /** How each step ended: `exit 0, exit 1`. */
  ends: string;
  figures: Readonly<Record<Figure, number | null>>;
  /** A memory limit was requested: only then does the peak of memory say something about the limit. */
  memoryLimited: boolean;
  /** Failed calls: `apache2: mmap (ENOMEM)` → how often. */
  calls: ReadonlyMap<string, number>;
  /** Null: no profile was recorded. */
  profile: ProfileSample | null;
}>;

export const limits = ['kmem', 'mem', 'memsw', 'kmemTcp', 'pids'] as const;
const settings = [...limits, 'kernel', 'enforce', 'inject'] as const;
const figures = ['kmem.maxUsage', 'kmem.failcnt', 'mem.maxUsage'] as const;

export type Setting = (typeof settings)[number];
export type Figure = (typeof figures)[number];

export function sampleOf({ result }: StoredRun): RunSample {
  return sampleOfResult(result);
}

export function sampleOfResult(result: Result): RunSample {
  const { spec, kmem, mem, failureCounts, profile } = result;
  return {
    id: result.id,
    settings: { ...spec.limits, kernel: spec.kernel, enforce: spec.enforce, inject: spec.inject?.join(' ') || null },
    circumstances: circumstancesOf(result),
    outcome: result.outcome,
    ends: result.steps
      .map(({ exit }) => exit.signal ?? (exit.code === null ? 'no end seen' : `exit ${exit.code}`))
      .join(', '),
    figures: { 'kmem.maxUsage': kmem.maxUsage, 'kmem.failcnt': kmem.failcnt, 'mem.maxUsage': mem.maxUsage },
    memoryLimited: spec.limits.mem !== null || spec.limits.memsw !== null,
    calls: new Map(
      failureCounts.map(({ comm, syscall, errno, count }) => [
        `${comm ?? '(name not read)'}: ${syscall} (${errno ?? 'no errno'})`,
        count,
      ]),
    ),
    // A result saved by a version without profiles lacks the key.
    profile: profile == null ? null : profileSampleOf(profile),
  };
}

function circumstancesOf(result: Result): Record<string, string> {
  const { spec, enforcement, environment } = result;
  const words = (value: unknown): string => (value == null ? 'none' : String(value));
  return {
    ...stepsOf(spec),
    wait: words(spec.wait),
    enforcement: words(enforcement.mode),
    reserve: words(enforcement.reserve),
    kernel: kernelOf(result),
    cgroup: words(environment.cgroup),
    CPUs:
      spec.cpus == null
        ? `not bound, of ${environment.cpus}`
        : `bound to ${spec.cpus.join(', ')}, of ${environment.cpus}`,
    randomisation: environment.aslr ? 'on' : 'off',
    user: spec.user ?? "the runner's",
    memory: words(environment.memTotal),
    swap: words(environment.swapTotal),
    'kmem-run': environment.kmemRun,
  };
}

/** As written: the ports and folders of one run are no difference. */
function stepsOf({ command, then, plan, template }: RunSpec): Readonly<{ command: string; steps: string }> {
  if (plan == null) return { command: shellLine(command), steps: then.join('; ') || 'none' };
  const written = template?.input.plan as readonly StepInput[] | undefined;
  const lines = written?.map(lineOfInput) ?? plan.map(lineOfStep);
  const first = plan.findIndex(({ kind }) => kind === 'command');
  return { command: lines[first] ?? '', steps: lines.join('; ') };
}

function lineOfInput({ run, outside, background, ...step }: StepInput): string {
  if (run !== undefined) return programLine(typeof run === 'string' ? run : shellLine(run), { outside, background });
  const actions = Object.entries(step).filter(([key]) => Object.hasOwn(STEP_KEYS, key));
  return actions.map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ');
}

function lineOfStep({ kind, ...step }: PlanStep): string {
  if (!('command' in step)) return `${kind} ${JSON.stringify(step)}`;
  return programLine(lineOf(step.command), { outside: kind === 'outside', background: step.background });
}

function programLine(line: string, { outside, background }: Pick<StepInput, 'outside' | 'background'>): string {
  return `${outside === true ? 'client: ' : ''}${line}${background === true ? ' &' : ''}`;
}

export type StoredRun = Readonly<{
  /** As saved: keys that a later version of the schema added are absent. */
  result: Result;
  experimentId: string | null;
  point: number | null;
  repeat: number | null;
  label: string | null;
}>;
