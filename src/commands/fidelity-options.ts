/** The command line of `kmem-run fidelity`. */

import { resolve } from 'node:path';
import { SetupError } from '../errors.ts';
import type { InsideRequest } from '../experiment/fidelity/inside.ts';
import { COMPARED, type ComparedMode, type MeasuredMode } from '../experiment/fidelity/judge.ts';
import { type ObjectRow, rows } from '../experiment/fidelity/rows.ts';
import { workloadProgram } from '../experiment/fidelity/workload.ts';
import { ownFolder } from '../host/own-process.ts';
import type { CommandHelp } from '../manual/page.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { outputFile } from '../request/output-file.ts';
import { optionName, type RunInput } from '../request/run-input.ts';
import { parseLimit, parseSize } from '../request/size.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { flagOption, NO_CONFIG, pageOptions, valueOption } from './option-kinds.ts';
import { type Given, readOptions, splitAtSeparator } from './read-options.ts';
import { type GivenWithSettings, withSettings } from './settings.ts';

const WITHOUT_COMMAND = 'Without a command:';
const WITH_COMMAND = 'With a command:';

const OPTIONS = {
  kernel: valueOption('LIST', 'boot each of these kernels; the first must enforce a limit itself', {
    byDefault: '5.10',
  }),
  here: flagOption('compare on the running kernel instead'),
  mode: valueOption('LIST', 'modes to compare with native: gate, kernel', { byDefault: 'gate' }),
  parent: valueOption('PATH', 'with --here, create each group in this cgroup directory'),
  reserve: valueOption('SIZE', 'memory that the gate keeps free below the limit', { byDefault: '0' }),
  'vm-memory': valueOption('SIZE', 'memory of the microVM', { byDefault: '1G' }),
  'vm-cpus': valueOption('N', 'CPUs of the microVM', { byDefault: '1' }),
  json: valueOption('FILE', 'write the measurements as JSON ("-": stdout)'),
  markdown: valueOption('FILE', 'write the tables into this page, between its marker comments'),
  ...NO_CONFIG,
  limits: valueOption('LIST', 'measure at these limits', { group: WITHOUT_COMMAND, byDefault: '1M,2M,4M' }),
  row: valueOption('NAME', 'measure only this row', { group: WITHOUT_COMMAND, repeatable: true }),
  then: valueOption('CMD', 'add a step in the group: sh -c CMD', { group: WITH_COMMAND, repeatable: true }),
  expect: valueOption('EXPR', 'require EXPR', { group: WITH_COMMAND, repeatable: true }),
  timeout: valueOption('DURATION', 'stop a run after this time', { group: WITH_COMMAND, byDefault: '30s' }),
} as const;

export const fidelityHelp: CommandHelp = {
  synopsis: ['kmem-run fidelity [options] [-- command [args…]]'],
  text: [
    "Performs the same runs under the kernel's own limit (native) and in other modes of enforcement, and compares the results. Each mode is compared with native on the same kernel or, if the kernel has no limit of its own, on another one of the list: one of the same version, or else the first.",
    'Without a command, fidelity counts how many kernel objects of each kind fit, and reports the error that follows. With a command, fidelity finds the smallest limit at which the command passes.',
  ],
  options: pageOptions(OPTIONS),
  status: [
    ['0', 'all modes produce the same result or, if a command is given, it passes at some limit in each'],
    ['1', 'different'],
  ],
};

/** `inside` is for kmem-run itself, in a microVM. */
const FORMS = { ...OPTIONS, inside: { type: 'string' } } as const;

export type FidelityArguments = Readonly<{
  request: InsideRequest;
  /** Null: on the running kernel. */
  kernels: readonly string[] | null;
  vmMemory: string | null;
  vmCpus: string | null;
  /** The cgroup directory for groups on the running kernel; null: kmem-run's own. */
  parent: string | null;
  /** Absolute, or `-`; null: not requested. */
  json: string | null;
  markdown: string | null;
}>;

const OF_A_COMMAND = ['then', 'expect', 'timeout'] as const;
const OF_ROWS = ['limits', 'row', 'markdown'] as const;
const DEFAULT_KERNEL = '5.10';
const DEFAULT_MODE = 'gate';
const DEFAULT_TIMEOUT = '30s';

/**
 * `argv` begins with the command's name. `inside`: the folder of a request, given by kmem-run itself in a microVM.
 * @throws SetupError `bad-size`, `no-such-row`, `no-such-mode`, `conflicting-options`, those of readOptions() and of normaliseSpec().
 */
export function parseFidelityArgv(argv: readonly string[]): FidelityArguments | Readonly<{ inside: string }> {
  const { before, after } = splitAtSeparator(argv.slice(1));
  const isElsewhere = (name: string): boolean =>
    (after === null ? OF_A_COMMAND : OF_ROWS).some((option) => option === name);
  const given = withSettings(readOptions(before, FORMS), FORMS, (name) => !isElsewhere(name));
  const text = (name: keyof typeof FORMS): string | null => given.strings.get(name)?.[0] ?? null;
  const inside = text('inside');
  if (inside !== null) return { inside };
  refuseStray(given, after);
  const here = given.booleans.get('here') ?? false;
  const json = text('json');
  const markdown = text('markdown');
  // A setting applies only to runs that can use it.
  const parent = here || !given.settings.has('parent') ? text('parent') : null;
  const modes = modesOf(text('mode') ?? DEFAULT_MODE);
  const reserve = parseSize(text('reserve') ?? '0', { name: '--reserve' });
  return {
    request:
      after === null ? rowsRequest(given, { modes, reserve }) : commandRequest(given, after, { modes, reserve, here }),
    kernels: here ? null : listOf(text('kernel') ?? DEFAULT_KERNEL),
    vmMemory: text('vm-memory'),
    vmCpus: text('vm-cpus'),
    parent,
    json: json === null || json === '-' ? json : outputFile(json, { name: '--json' }),
    markdown: markdown === null ? null : resolve(markdown),
  };
}

function refuseStray(
  { positionals, strings, booleans, settings }: GivenWithSettings,
  command: readonly string[] | null,
): void {
  const [stray] = positionals;
  if (stray !== undefined) {
    const hint = 'put -- before the command: kmem-run fidelity [options] -- command [args…]';
    throw new SetupError('unexpected-argument', `unexpected argument before --: ${quote(stray)}`, hint);
  }
  const conflict = (one: string, other: string): SetupError =>
    new SetupError('conflicting-options', `--${one} cannot be combined with ${other}`, 'leave out one of them');
  const ofMachine = ['kernel', 'vm-memory', 'vm-cpus'].find((name) => strings.has(name));
  if (booleans.get('here') && ofMachine !== undefined) throw conflict(ofMachine, '--here');
  if (strings.has('parent') && !settings.has('parent') && !booleans.get('here'))
    throw new SetupError(
      'conflicting-options',
      '--parent: a cgroup of the host does not exist in the microVM',
      'add --here, or leave out --parent',
    );
  const [wrong, with_] = command === null ? [OF_A_COMMAND, 'a comparison of rows'] : [OF_ROWS, 'a command'];
  const name = wrong.find((option) => strings.has(option));
  if (name !== undefined) throw conflict(name, with_);
}

type Asked = Readonly<{ modes: readonly MeasuredMode[]; reserve: number }>;

function listOf(text: string): string[] {
  return [...new Set(text.split(','))];
}

function modesOf(text: string): MeasuredMode[] {
  const modes = listOf(text).map((name): ComparedMode => {
    const mode = COMPARED.find((known) => known === name);
    if (mode !== undefined) return mode;
    const hint = didYouMean(name, COMPARED, `modes: ${COMPARED.join(', ')}`);
    throw new SetupError('no-such-mode', `--mode: unknown mode ${quote(name)}`, hint);
  });
  return ['native', ...modes];
}

function rowsRequest({ strings }: Given, { modes, reserve }: Asked): InsideRequest {
  const limits = (strings.get('limits')?.[0] ?? '1M,2M,4M').split(',');
  const names = strings.get('row') ?? rows.map(({ name }) => name);
  return {
    kind: 'rows',
    rows: [...new Set(names)].map(findRow),
    limits: [...new Set(limits.map((limit) => parseLimit(limit, { name: '--limits' })))].sort((a, b) => a - b),
    ...{ modes, reserve, optional: [], module: null, reference: null },
    program: workloadProgram(),
  };
}

function findRow(name: string): ObjectRow {
  const row = rows.find((known) => known.name === name);
  if (row !== undefined) return row;
  const names = rows.map((known) => known.name);
  const hint = didYouMean(name, names, `rows: ${names.join(', ')}`);
  throw new SetupError('no-such-row', `--row: unknown row ${quote(name)}`, hint);
}

function commandRequest(
  { strings }: Given,
  command: readonly string[],
  { modes, reserve, here }: Asked & Readonly<{ here: boolean }>,
): InsideRequest {
  const uid = process.getuid?.() ?? 0;
  const input: RunInput = {
    command,
    timeout: strings.get('timeout')?.[0] ?? DEFAULT_TIMEOUT,
    cwd: ownFolder(),
    then: strings.get('then'),
    expect: strings.get('expect'),
    // In the microVM it would be root's.
    ...(uid === 0 || here ? {} : { user: uid }),
  };
  // Errors in it are reported now, not in the microVM.
  normaliseSpec(input, { nameOf: optionName });
  return { kind: 'command', input, modes, reserve, optional: [], module: null };
}
