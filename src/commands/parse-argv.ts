/** A command line that ends in a command to run, read by a table of options. */

import { SetupError } from '../errors.ts';
import { absolute } from '../host/own-process.ts';
import type { RunInput } from '../request/run-input.ts';
import { quote, shellLine } from '../text/quote.ts';
import type { Draft, OptionTable, ReportRequest } from './option-kinds.ts';
import { readOptions, splitAtSeparator } from './read-options.ts';
import { withSettings } from './settings.ts';

export type RunArguments = Readonly<{
  input: RunInput;
  report: Readonly<ReportRequest>;
  /** Where each option's value comes from, for `--dry-run`. */
  sources: Readonly<Record<string, string>>;
}>;

export const COMMAND_LINE = 'command line';

export type ArgvForm = Readonly<{
  /** The kmem-run command that may appear among the options. */
  word: string;
  /** The text before `-- command` in a hint. */
  usage: string;
  options: OptionTable;
  /** Defaults that options may override. */
  start: Partial<RunInput>;
  /** Source of values for `--env K`. */
  inherited: NodeJS.ProcessEnv;
  /** The options that settings may supply; absent: all. */
  takes?: (name: string) => boolean;
}>;

/** @throws SetupError as parseRunArgv() does, and what the options' own `apply` throws. */
export function parseArgv(argv: readonly string[], form: ArgvForm): RunArguments {
  const { word, usage, options, start, inherited, takes } = form;
  const { before, after: command } = splitAtSeparator(argv);
  if (command === null) throw noSeparator(argv, form);
  const given = withSettings(readOptions(before, options), options, takes);
  refusePositionals(given.positionals, word, `put -- before the command: ${usage} -- command [args…]`);
  if (command.length === 0)
    throw new SetupError('no-command', 'missing command after --', 'name the program to run and its arguments');
  const draft: Draft = {
    input: { ...start, command },
    env: new Map(),
    report: {
      json: null,
      keep: false,
      store: null,
      label: null,
      quiet: false,
      verbose: false,
      plot: false,
      color: null,
      dryRun: false,
    },
    inherited,
  };
  for (const { name, value } of given.written) {
    const option = options[name];
    if (option?.type === 'string') option.apply(draft, value);
  }
  for (const [name, on] of given.booleans) {
    const option = options[name];
    if (option?.type === 'boolean') option.apply(draft, on);
  }
  if (draft.env.size > 0) draft.input.env = Object.fromEntries(draft.env);
  keepWhereNamed(draft, given.booleans.get('keep'));
  checkReport(draft);
  const sourceOf = (name: string): string => {
    if (!given.strings.has(name) && !given.booleans.has(name)) return 'default';
    return given.settings.get(name)?.source ?? COMMAND_LINE;
  };
  const sources = Object.fromEntries(Object.keys(options).map((name) => [name, sourceOf(name)]));
  return { input: draft.input as RunInput, report: draft.report, sources };
}

/** Shows the intended command line, unless an option before the command is itself wrong: then that error is thrown. */
function noSeparator(argv: readonly string[], form: ArgvForm): SetupError {
  const head = beforeCommand(argv, form);
  readOptions(head, form.options);
  const command = argv.slice(head.length);
  const hint =
    command.length > 0 ? `kmem-run ${shellLine([...head, '--', ...command])}` : `${form.usage} -- command [args…]`;
  return new SetupError('no-separator', '-- is missing before the command', hint);
}

/** The words before the first argument that is neither an option nor an option's value. */
export function beforeCommand(
  argv: readonly string[],
  { word, options }: Pick<ArgvForm, 'word' | 'options'>,
): readonly string[] {
  let end = argv[0] === word ? 1 : 0;
  while (end < argv.length && /^-[^0-9]/.test(argv[end] ?? '')) {
    const name = argv[end]?.slice(2) ?? '';
    end += Object.hasOwn(options, name) && options[name]?.type === 'string' ? 2 : 1;
  }
  return argv.slice(0, end);
}

function refusePositionals(positionals: readonly string[], word: string, hint: string): void {
  const stray = positionals[0] === word ? positionals[1] : positionals[0];
  if (stray !== undefined)
    throw new SetupError('unexpected-argument', `unexpected argument before --: ${quote(stray)}`, hint);
}

function checkReport({ input, report }: Draft): void {
  if (report.quiet && report.verbose)
    throw new SetupError('conflicting-options', '--quiet and --verbose cannot be combined', 'leave out one of them');
  const file = typeof input.output === 'object' ? (input.output as { file: string }).file : null;
  if (report.json === '-' && file === null && input.output !== 'null') {
    throw new SetupError(
      'json-on-stdout',
      '--json -: the command uses stdout',
      'add --output null or --output FILE, or use --json FILE',
    );
  }
  if (file !== null && report.json === absolute(file)) {
    throw new SetupError('conflicting-options', '--output and --json name the same file', 'name two files');
  }
}

/** A label or a store also implies saving the result. */
function keepWhereNamed({ report }: Draft, asked: boolean | undefined): void {
  if (report.store === null && report.label === null) return;
  if (asked === false) {
    throw new SetupError(
      'conflicting-options',
      '--no-keep cannot be combined with --store or --label',
      'leave one of them out',
    );
  }
  report.keep = true;
}
