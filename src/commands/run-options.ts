/**
 * The options of `kmem-run run`: each defined once, with what it takes, what --help says of it and where its value goes.
 * Values are checked by normaliseSpec; here only what belongs to a command line is refused.
 */
import { resolve } from 'node:path';
import type { Options } from 'yargs';
import { SetupError } from '../errors.ts';
import { CGROUP, ENFORCE, ERRNO, ON_OVERRUN, type RunInput, WAIT } from '../spec/normalise.ts';
import { outputFile } from '../spec/output-file.ts';
import { quote } from '../spec/quote.ts';
import { type OptionForm, readOptions, splitAtSeparator } from './read-options.ts';

/** What is said, and where; none of it changes the run. */
export type ReportRequest = {
  /** File for the result, absolute; `-` is stdout; null: no file. */
  json: string | null;
  quiet: boolean;
  verbose: boolean;
  /** Null: as the terminal and NO_COLOR say. */
  color: boolean | null;
  dryRun: boolean;
};

export type RunArguments = Readonly<{ input: RunInput; report: Readonly<ReportRequest> }>;

type Key = keyof RunInput;
type Draft = Readonly<{
  input: { [K in Key]?: unknown };
  env: Map<string, string>;
  report: ReportRequest;
  /** Where `--env K` copies from. */
  inherited: NodeJS.ProcessEnv;
}>;
type Shown = OptionForm & Readonly<{ group: Group; describe: string; takes?: string; helpName?: string }>;
type StringOption = Shown & Readonly<{ type: 'string'; apply: (draft: Draft, value: string) => void }>;
type FlagOption = Shown & Readonly<{ type: 'boolean'; apply: (draft: Draft, on: boolean) => void }>;
type RunOption = StringOption | FlagOption;
type Group = 'Limits:' | 'Enforcement:' | 'The run:' | 'The command:' | 'Output:';

/** By the option's name. `sets` and `collects` put a value under the input key of the same name (kmemTcp: --kmem-tcp). */
const OPTIONS: Readonly<Record<string, RunOption>> = {
  ...sets('kmem', 'Limits:', 'SIZE', 'kernel memory, such as 900K or 1M'),
  ...sets('mem', 'Limits:', 'SIZE', 'memory'),
  ...sets('memsw', 'Limits:', 'SIZE', 'memory and swap together (needs --mem)'),
  ...sets('kmemTcp', 'Limits:', 'SIZE', 'TCP buffers (cgroup v1)'),
  ...sets('pids', 'Limits:', 'N', 'processes and threads at one time'),

  ...sets('enforce', 'Enforcement:', ENFORCE.join('|'), 'how the kmem limit is made to bite'),
  ...sets('kernel', 'Enforcement:', 'NAME', 'boot this kernel in a microVM and run there'),
  ...sets('cgroup', 'Enforcement:', CGROUP.join('|'), 'which cgroup version to use'),
  ...sets('parent', 'Enforcement:', 'PATH', "make the group in this cgroup directory instead of kmem-run's own"),
  ...sets('reserve', 'Enforcement:', 'SIZE', 'what the gate keeps free below the kmem limit'),
  ...sets(
    'errno',
    'Enforcement:',
    ERRNO.join('|'),
    'deny with the errno of an enforcing kernel, or always with ENOMEM',
  ),
  reclaim: string('Enforcement:', 'on|off', 'ask the kernel to reclaim before a call is denied', setReclaim),

  ...turns('allowIoUring', 'Enforcement:', 'let io_uring through, ungated, instead of refusing it'),
  ...sets(
    'onOverrun',
    'Enforcement:',
    ON_OVERRUN.join('|'),
    'when usage stays above the limit with no call to deny: say so, or end the run',
  ),
  ...sets('traceGate', 'Enforcement:', 'FILE', 'write a line of JSON about each gated call'),

  ...sets('timeout', 'The run:', 'DUR', 'end the run after this time, all steps and the hold included'),
  ...sets('grace', 'The run:', 'DUR', 'from SIGTERM to SIGKILL when a run is ended (2s)'),
  ...sets('hold', 'The run:', 'DUR', 'keep the group for a while after the last step'),
  ...sets('wait', 'The run:', WAIT.join('|'), 'when the run is over: its last step has exited, or the group is empty'),
  ...collects('then', 'The run:', 'CMD', 'a further step in the same group, by sh -c (repeatable)'),
  ...collects('expect', 'The run:', 'EXPR', "what must hold, such as 'exit==0' or 'failcnt>0' (repeatable)"),
  ...sets('sample', 'The run:', 'DUR|off', 'time between samples (50ms)'),

  ...sets('cpus', 'The command:', 'LIST', 'bind command and gate to these CPUs, such as 0 or 0,2-3'),
  ...turns('aslr', 'The command:', 'leave address-space randomisation on'),
  ...sets('user', 'The command:', 'NAME', 'run as this user (name or number)'),
  ...sets('cwd', 'The command:', 'DIR', 'working directory'),
  env: { ...string('The command:', 'K[=V]', 'set a variable, or copy it (repeatable)', setVariable), repeatable: true },
  ...turns('clearEnv', 'The command:', 'pass no variables but those of --env'),
  output: string('The command:', 'inherit|null|FILE', 'where stdout and stderr of all steps go', setOutput),

  json: string(
    'Output:',
    'FILE',
    'write the result there ("-": stdout, if --output is elsewhere)',
    ({ report }, value) => {
      report.json = value === '-' ? value : outputFile(value, { name: '--json' });
    },
  ),
  quiet: flag('Output:', 'no report', ({ report }, on) => {
    report.quiet = on;
  }),
  verbose: flag('Output:', 'a longer report', ({ report }, on) => {
    report.verbose = on;
  }),
  color: {
    ...flag('Output:', 'no colours in the report', ({ report }, on) => {
      report.color = on;
    }),
    helpName: 'no-color',
  },
  'dry-run': flag('Output:', 'print what would be run, with all defaults, and run nothing', ({ report }, on) => {
    report.dryRun = on;
  }),
};

/** For yargs' `.options()`: what --help lists. Parsing is `parseRunArgv`, by the same definitions. */
export const runOptions: Readonly<Record<string, Options>> = Object.fromEntries(
  Object.entries(OPTIONS).map(([name, { helpName = name, takes, describe, group, type }]) => {
    const description = takes === undefined ? describe : `${takes}: ${describe}`;
    return [helpName, { type, group, description, requiresArg: type === 'string' }];
  }),
);

/** How the command line calls an input key, for normaliseSpec's messages: `kmemTcp` → `--kmem-tcp`. */
export function optionName(key: string): string {
  return `--${kebab(key)}`;
}

/**
 * Reads what follows `kmem-run`: options, perhaps the word `run` among them, `--`, and the command, which is handed on
 * untouched. Values stay as written for normaliseSpec; `--json FILE` is checked here. `inherited`: for `--env K`.
 * Throws SetupError: `no-separator`, `no-command`, `unknown-option`, `unexpected-argument`, `missing-value`,
 * `duplicate-option`, `bad-flag`, `bad-option`, `bad-env`, `env-not-set`, `json-on-stdout`, `bad-output-file`,
 * `conflicting-options`.
 */
export function parseRunArgv(
  argv: readonly string[],
  { inherited = process.env }: { inherited?: NodeJS.ProcessEnv } = {},
): RunArguments {
  const { before, after: command } = splitAtSeparator(argv);
  const usage = 'put -- before the command: kmem-run [options] -- command [args…]';
  if (command === null) throw new SetupError('no-separator', 'there is no -- on the command line', usage);
  const given = readOptions(before, OPTIONS);
  refusePositionals(given.positionals, usage);
  if (command.length === 0)
    throw new SetupError('no-command', 'there is no command after --', 'name the program to run and its arguments');
  const draft: Draft = {
    input: { command },
    env: new Map(),
    report: { json: null, quiet: false, verbose: false, color: null, dryRun: false },
    inherited,
  };
  for (const [name, option] of Object.entries(OPTIONS)) {
    if (option.type === 'string') for (const value of given.strings.get(name) ?? []) option.apply(draft, value);
    else if (given.booleans.has(name)) option.apply(draft, given.booleans.get(name) === true);
  }
  if (draft.env.size > 0) draft.input.env = Object.fromEntries(draft.env);
  checkReport(draft);
  return { input: draft.input as RunInput, report: draft.report };
}

function refusePositionals(positionals: readonly string[], usage: string): void {
  const stray = positionals[0] === 'run' ? positionals[1] : positionals[0];
  if (stray !== undefined) throw new SetupError('unexpected-argument', `${quote(stray)} stands before --`, usage);
}

function checkReport({ input, report }: Draft): void {
  if (report.quiet && report.verbose)
    throw new SetupError('conflicting-options', '--quiet and --verbose exclude each other', 'give one of them');
  const file = typeof input.output === 'object' ? (input.output as { file: string }).file : null;
  if (report.json === '-' && file === null && input.output !== 'null') {
    throw new SetupError(
      'json-on-stdout',
      "--json -: stdout is the command's",
      'give --output null or --output FILE too, or --json FILE',
    );
  }
  if (file !== null && report.json === resolve(file)) {
    throw new SetupError('conflicting-options', '--output and --json name the same file', 'name two files');
  }
}

function setReclaim({ input }: Draft, given: string): void {
  if (given !== 'on' && given !== 'off') {
    throw new SetupError('bad-option', `--reclaim: ${quote(given)} is neither on nor off`, 'give on or off');
  }
  input.reclaim = given === 'on';
}

function setOutput({ input }: Draft, given: string): void {
  input.output = given === 'inherit' || given === 'null' ? given : { file: given };
}

function setVariable({ env, inherited }: Draft, given: string): void {
  const at = given.indexOf('=');
  const name = at === -1 ? given : given.slice(0, at);
  if (name === '') {
    throw new SetupError(
      'bad-env',
      `--env: ${quote(given)} names no variable`,
      'write --env NAME=VALUE, or --env NAME to copy it',
    );
  }
  if (env.has(name)) {
    throw new SetupError(
      'duplicate-option',
      `--env: ${quote(name)} is given more than once`,
      'give each variable once',
    );
  }
  const value = at === -1 ? inherited[name] : given.slice(at + 1);
  if (value === undefined) {
    throw new SetupError(
      'env-not-set',
      `--env: ${quote(name)} is not set, so it cannot be copied`,
      'write --env NAME=VALUE, or leave it out',
    );
  }
  env.set(name, value);
}

function sets(key: Key, group: Group, takes: string, describe: string): Record<string, RunOption> {
  const apply = ({ input }: Draft, value: string) => {
    input[key] = value;
  };
  return { [kebab(key)]: string(group, takes, describe, apply) };
}

function collects(key: 'then' | 'expect', group: Group, takes: string, describe: string): Record<string, RunOption> {
  const apply = ({ input }: Draft, value: string) => {
    input[key] = [...((input[key] as string[] | undefined) ?? []), value];
  };
  return { [key]: { ...string(group, takes, describe, apply), repeatable: true } };
}

function turns(key: 'aslr' | 'clearEnv' | 'allowIoUring', group: Group, describe: string): Record<string, RunOption> {
  const apply = ({ input }: Draft, on: boolean) => {
    input[key] = on;
  };
  return { [kebab(key)]: flag(group, describe, apply) };
}

function string(group: Group, takes: string, describe: string, apply: StringOption['apply']): StringOption {
  return { type: 'string', group, takes, describe, apply };
}

function flag(group: Group, describe: string, apply: FlagOption['apply']): FlagOption {
  return { type: 'boolean', group, describe, apply };
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
