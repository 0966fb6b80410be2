import { SetupError } from '../errors.ts';
import { parseCpus } from '../host/cpus.ts';
import { ownFolder } from '../host/own-process.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { parseAddress } from './address.ts';
import { compileExpectation } from './expect.ts';
import * as read from './fields.ts';
import { outputFile } from './output-file.ts';
import { fill, type PlaceholderValues, standIns } from './placeholders.ts';
import { readPlan } from './read-plan.ts';
import { inputOf, type PlanInput, type RunInput, type TemplateInput } from './run-input.ts';
import type { CgroupVersion, Enforce, Limits, PlanStep, RunSpec, Template, Wait } from './run-spec.ts';
import { asServerPlan, SERVER_KEYS } from './server-plan.ts';
import { groupDigits } from './size.ts';

export type { PlanInput, RunInput, StepInput } from './run-input.ts';

export const ENFORCE = ['auto', 'gate', 'kernel', 'native', 'none'] as const satisfies readonly Enforce[];
export const CGROUP = ['auto', 'v1', 'v2'] as const satisfies readonly CgroupVersion[];
export const ERRNO = ['native', 'enomem'] as const satisfies readonly RunSpec['errno'][];
export const ON_OVERRUN = ['note', 'kill'] as const satisfies readonly RunSpec['onOverrun'][];
export const ON_FAULT = ['sigbus', 'kill', 'note'] as const satisfies readonly RunSpec['onFault'][];
export const ON_ESCAPE = ['note', 'kill'] as const satisfies readonly RunSpec['onEscape'][];
export const WAIT = ['quiet', 'exit', 'empty'] as const satisfies readonly Wait[];

/** The name of an input key as the user wrote it: `kmemTcp` is `--kmem-tcp` on a command line. */
export type NameOf = (key: InputKey) => string;

type InputKey = keyof RunInput | keyof PlanInput;

/**
 * The request, checked, with every default applied (here and nowhere else), deeply frozen.
 * @throws SetupError `no-command`, `bad-command`, `unknown-key`, `bad-size`, `bad-duration`, `bad-pids`, `bad-memsw`,
 * `bad-cpus`, `bad-cwd`, `bad-env`, `bad-output-file`, `bad-expectation`, `bad-option`, `bad-vm-memory`, `bad-vm-cpus`,
 * `bad-folder`, `bad-address`, `bad-step`, `conflicting-options`.
 */
export function normaliseSpec(
  input: RunInput | PlanInput,
  { nameOf = (key) => key }: { nameOf?: NameOf } = {},
): RunSpec {
  if (typeof input !== 'object' || input === null) read.command(null, 'command');
  const server = 'plan' in input ? null : asServerPlan(input, nameOf);
  const template = templateOf(server ?? input);
  const source = template === null ? input : filledIn(server ?? input, template, standIns());
  const readKeys = new Set<string>([...SERVER_KEYS, 'template']);
  const take: Take = (key, reader, otherwise) => {
    readKeys.add(key);
    const value = Object.hasOwn(source, key) ? (source as Readonly<Record<string, unknown>>)[key] : undefined;
    return value === undefined ? otherwise() : reader(value, nameOf(key));
  };
  const cwd = take('cwd', read.folder, currentFolder);
  const enforce = take('enforce', read.oneOf(ENFORCE), () => 'auto' as const);
  const spec: RunSpec = {
    ...takeSteps(take, cwd, nameOf),
    template,
    limits: takeLimits(take),
    enforce,
    ...takeMachine(take, nameOf),
    cgroup: take('cgroup', read.oneOf(CGROUP), () => 'auto'),
    parent: take('parent', read.orNull(read.text), none),
    reserve: take('reserve', read.orNull(read.size), none),
    errno: take('errno', read.oneOf(ERRNO), () => 'native'),
    reclaim: take('reclaim', read.boolean, () => false),
    rcuWait: take('rcuWait', read.boolean, () => true),
    profile: take('profile', read.boolean, () => false),
    allowIoUring: take('allowIoUring', read.boolean, () => false),
    onOverrun: take('onOverrun', read.oneOf(ON_OVERRUN), () => 'note'),
    onFault: take('onFault', read.oneOf(ON_FAULT), () => (enforce === 'kernel' ? 'sigbus' : 'note')),
    onEscape: take('onEscape', read.oneOf(ON_ESCAPE), () => 'note'),
    traceGate: take(
      'traceGate',
      read.orNull((file, name) => outputFile(file, { name })),
      none,
    ),
    timeoutMs: take('timeout', read.orNull(read.positiveDuration), none),
    graceMs: take('grace', read.duration, () => 2000),
    holdMs: take('hold', read.duration, () => 0),
    wait: take('wait', read.oneOf(WAIT), () => 'quiet'),
    quietForMs: take('quietFor', read.positiveDuration, () => 500),
    quietLimitMs: take('quietLimit', read.positiveDuration, () => 5000),
    expect: take('expect', read.texts, () => []),
    cpus: take(
      'cpus',
      read.orNull((value, name) => parseCpus(value, { name })),
      none,
    ),
    aslr: take('aslr', read.boolean, () => false),
    user: take('user', read.orNull(read.user), none),
    cwd,
    env: take('env', read.environment, () => ({})),
    clearEnv: take('clearEnv', read.boolean, () => false),
    output: take('output', read.output, () => 'inherit'),
    sampleMs: take('sample', read.sample, () => 50),
    seed: take('seed', read.orNull(read.seed), none),
    inject: take('inject', read.addresses, () => []),
  };
  // The keys read above are all keys: there is no second list to maintain.
  refuseUnknownKeys(source, readKeys);
  checkMemsw(spec.limits, nameOf);
  checkMachine(spec, nameOf);
  const furtherSteps = nameOf(spec.plan === null || server !== null ? 'then' : 'plan');
  checkExpectations(spec, furtherSteps);
  checkInjections(spec, nameOf, furtherSteps);
  return deepFreeze(spec);
}

/** The spec of one run, with its placeholders filled in. @throws SetupError as normaliseSpec() does. */
export function fillIn(spec: RunSpec, values: PlaceholderValues): RunSpec {
  if (spec.template === null) return spec;
  const { template: _, ...written } = inputOf(spec) as PlanInput;
  return deepFreeze({
    ...normaliseSpec(fill(written, values)),
    template: spec.template,
  });
}

/** Keys of strings that a run fills in: all that define what is run, and where. */
const TEXT_KEYS = ['plan', 'cwd', 'env', 'expect', 'rw', 'user'] as const;

function templateOf(input: RunInput | PlanInput): Template | null {
  const { template } = input as PlanInput;
  if (template == null) return null;
  const { here, setUp, cleanUp } = template satisfies TemplateInput;
  const texts = TEXT_KEYS.flatMap((key) => {
    const value = (input as PlanInput)[key];
    return value == null ? [] : [[key, value] as const];
  });
  return { input: Object.fromEntries(texts), here, setUp, cleanUp };
}

function filledIn(input: object, template: Template, values: PlaceholderValues): object {
  return { ...input, ...fill(template.input, values) };
}

type Take = <T>(key: InputKey, reader: read.Reader<T>, otherwise: () => T) => T;

function none() {
  return null;
}

function takeSteps(take: Take, cwd: string, nameOf: NameOf): Pick<RunSpec, 'command' | 'then' | 'plan'> {
  const plan = take('plan', (value, name) => (value === null ? null : readPlan(value, name, cwd)), none);
  if (plan === null) {
    const command = take('command', read.command, () => read.command(null, 'command'));
    return { command, then: take('then', read.texts, () => []), plan };
  }
  for (const key of ['command', 'then'] as const) {
    take(key, () => refuseBesidePlan(key, nameOf), none);
  }
  return { command: commandOf(plan), then: [], plan };
}

function commandOf(plan: readonly PlanStep[]): readonly string[] {
  return plan.find((step) => step.kind === 'command')?.command ?? [];
}

function refuseBesidePlan(key: 'command' | 'then', nameOf: NameOf): never {
  const reason = `${nameOf(key)} cannot be combined with ${nameOf('plan')}, which has all steps`;
  throw new SetupError('conflicting-options', reason, `leave out one of them`);
}

function takeLimits(take: Take): Limits {
  const limit = read.orNull(read.limit);
  return {
    kmem: take('kmem', limit, none),
    mem: take('mem', limit, none),
    memsw: take('memsw', limit, none),
    kmemTcp: take('kmemTcp', limit, none),
    pids: take('pids', read.orNull(read.pids), none),
  };
}

const MIB = 2 ** 20;

function takeMachine(take: Take, nameOf: NameOf): Pick<RunSpec, 'kernel' | 'vm'> {
  const kernel = take('kernel', read.orNull(read.text), none);
  const memory = take('vmMemory', read.orNull(read.vmMemory), none);
  const cpus = take('vmCpus', read.orNull(read.vmCpus), none);
  const rw = take('rw', read.folders, () => []);
  const fresh = take('freshVm', read.boolean, () => false);
  if (kernel !== null) return { kernel, vm: { memory: memory ?? 1024 * MIB, cpus: cpus ?? 1, rw, fresh } };
  const ofMachine = memory !== null ? 'vmMemory' : cpus !== null ? 'vmCpus' : null;
  const stray = ofMachine ?? (rw.length > 0 ? 'rw' : fresh ? 'freshVm' : null);
  if (stray !== null) {
    const reason = `${nameOf(stray)} requires a microVM`;
    throw new SetupError('conflicting-options', reason, `add ${nameOf('kernel')} NAME, or leave it out`);
  }
  return { kernel, vm: null };
}

function currentFolder(): string {
  try {
    return ownFolder();
  } catch {
    throw new SetupError(
      'bad-cwd',
      'the working directory no longer exists',
      'change to an existing folder, or name an existing folder',
    );
  }
}

function refuseUnknownKeys(input: object, known: ReadonlySet<string>): void {
  const unknown = Object.keys(input).find((key) => !known.has(key));
  if (unknown === undefined) return;
  const hint = didYouMean(unknown, known, `known keys: ${[...known].join(', ')}`);
  throw new SetupError('unknown-key', `unknown key of a run: ${quote(unknown)}`, hint);
}

// The kernel refuses both: memsw below mem, and memsw with mem unlimited (memory.rst, section 2.4).
function checkMemsw({ mem, memsw }: Limits, nameOf: NameOf): void {
  if (memsw === null || (mem !== null && memsw >= mem)) return;
  const [both, one] = [nameOf('memsw'), nameOf('mem')];
  if (mem === null) {
    throw new SetupError(
      'bad-memsw',
      `${both} requires ${one}: it limits memory and swap together`,
      `add ${one}, at most as large as ${both}`,
    );
  }
  const figures = `${both} (${groupDigits(memsw)} bytes) is below ${one} (${groupDigits(mem)} bytes)`;
  throw new SetupError('bad-memsw', figures, `${both} counts memory and swap together: use at least ${one}`);
}

/** What is outside the microVM cannot be used in it. */
function checkMachine({ kernel, vm, parent, cpus, traceGate }: RunSpec, nameOf: NameOf): void {
  if (kernel === null || vm === null) return;
  const conflict = (key: InputKey, reason: string, hint: string): SetupError =>
    new SetupError('conflicting-options', `${nameOf(key)}: ${reason}`, hint);
  if (parent !== null) {
    throw conflict('parent', 'a cgroup of the host does not exist in the microVM', `leave out ${nameOf('parent')}`);
  }
  const highest = Math.max(...(cpus ?? [0]));
  if (highest >= vm.cpus) {
    const reason = `the microVM has ${vm.cpus} ${vm.cpus === 1 ? 'CPU, number 0' : `CPUs, 0 to ${vm.cpus - 1}`}`;
    throw conflict('cpus', reason, `use ${nameOf('vmCpus')} ${highest + 1}, or other CPUs`);
  }
  if (traceGate !== null && !vm.rw.some((folder) => traceGate.startsWith(`${folder}/`))) {
    const reason = 'the file would be lost with the microVM';
    throw conflict('traceGate', reason, `use ${nameOf('rw')} with its folder`);
  }
}

function checkExpectations({ expect, then, plan }: RunSpec, furtherSteps: string): void {
  const steps = plan?.length ?? 1 + then.length;
  for (const { expr, path } of expect.map(compileExpectation)) {
    if (path[0] !== 'steps' || typeof path[1] !== 'number' || path[1] < steps) continue;
    const there = steps === 1 ? 'steps[0], the only one,' : `one of steps[0] to steps[${steps - 1}]`;
    const reason = `expectation ${quote(expr)}: there is no step ${path[1]}`;
    throw new SetupError('bad-expectation', reason, `name ${there} or add steps with ${furtherSteps}`);
  }
}

function checkInjections({ inject, then, plan, enforce }: RunSpec, nameOf: NameOf, furtherSteps: string): void {
  const name = nameOf('inject');
  if (inject.length > 0 && enforce !== 'auto' && enforce !== 'gate') {
    const reason = `${name} requires the gate, which ${nameOf('enforce')} ${enforce} does not use`;
    throw new SetupError(
      'conflicting-options',
      reason,
      `leave out ${nameOf('enforce')}, or use ${nameOf('enforce')} gate`,
    );
  }
  // Addresses count only the steps in the group.
  const last = (plan?.filter(({ kind }) => kind === 'command').length ?? 1 + then.length) - 1;
  for (const address of inject) {
    const step = Number.parseInt(parseAddress(address, { name }).process, 10);
    if (step <= last) continue;
    const hint = `start it with ${last === 0 ? '0, the only step' : `0 to ${last}`}, or add steps with ${furtherSteps}`;
    throw new SetupError('bad-address', `${name}: ${quote(address)}: there is no step ${step}`, hint);
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}
