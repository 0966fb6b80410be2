/** Parses a command line with yargs' parser, strictly: nothing unknown, nothing twice, nothing guessed. */
import Parser from 'yargs-parser';
import { SetupError } from '../errors.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';

/** How an option is written: with a value, or as a flag (`--aslr`, `--aslr=false`, `--no-aslr`). */
export type OptionForm = Readonly<{ type: 'string' | 'boolean'; repeatable?: boolean }>;

export type Given = Readonly<{
  /** By option name; for an option that is not repeatable the array has one member. Absent: not given. */
  strings: ReadonlyMap<string, readonly string[]>;
  booleans: ReadonlyMap<string, boolean>;
  /** Options with a value, in the order in which they were written: steps of different kinds follow each other. */
  written: readonly Readonly<{ name: string; value: string }>[];
  positionals: readonly string[];
}>;

/** Also for yargs' `parserConfiguration`, so that help and parsing follow the same rules. */
export const PARSER_CONFIGURATION = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  // false would drop all but the last of a repeated option.
  'duplicate-arguments-array': true,
  'greedy-arrays': false,
  // `--kmem --quiet` is a forgotten value, not a limit of "--quiet"; `--kmem -1M` is a value.
  'nargs-eats-options': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'short-option-groups': false,
} as const;

// Offered in a suggestion, handled by the command line's entry.
const EVERYWHERE = ['help', 'version'];

/** The tokens before the first `--` and those after it, unchanged; `after` is null if there is none. */
export function splitAtSeparator(argv: readonly string[]): { before: string[]; after: string[] | null } {
  const at = argv.indexOf('--');
  return at === -1 ? { before: [...argv], after: null } : { before: argv.slice(0, at), after: argv.slice(at + 1) };
}

/** Reads tokens that hold no `--`. @throws SetupError `unknown-option`, `missing-value`, `duplicate-option`, `bad-flag`. */
export function readOptions(tokens: readonly string[], forms: Readonly<Record<string, OptionForm>>): Given {
  const strings = namesOf(forms, 'string');
  const flags = namesOf(forms, 'boolean');
  const options = {
    string: strings,
    boolean: flags.flatMap((name) => [name, `no-${name}`]),
    narg: Object.fromEntries(strings.map((name) => [name, 1])),
    configuration: PARSER_CONFIGURATION,
    // The parser's only complaint about these forms is a missing value: have it name the option and nothing else.
    __: (_format: string, name: string) => name,
  };
  const { argv, error } = Parser.detailed([...tokens], options);
  const parsed: Record<string, unknown> = argv;
  // Not if it was written with one dash, which makes it no option at all.
  if (error && tokens.includes(`--${error.message}`)) throw missingValue(error.message);
  refuseUnknown(Object.keys(parsed), tokens, forms);
  const values = new Map(
    strings.filter((name) => name in parsed).map((name) => [name, valuesOf(name, parsed[name], forms)]),
  );
  return {
    strings: values,
    written: inOrder(tokens, values),
    booleans: readFlags(flags, tokens, parsed),
    positionals: argv._.map(String),
  };
}

function namesOf(forms: Readonly<Record<string, OptionForm>>, type: OptionForm['type']): string[] {
  return Object.keys(forms).filter((name) => forms[name]?.type === type);
}

// Based on the tokens, which are as the user wrote them; none of their values begins with a dash and a letter. The
// parser's keys add those that begin with a digit. The parser reads -kmem as --kmem, but no option is written with one
// dash.
function refuseUnknown(keys: string[], tokens: readonly string[], forms: Readonly<Record<string, OptionForm>>): void {
  const isKnown = (name: string) =>
    Object.hasOwn(forms, name) || (name.startsWith('no-') && isFlag(forms, name.slice('no-'.length)));
  const written = tokens
    .filter((token) => /^-[^0-9]/.test(token))
    .map((token) => token.replace(/=.*$/s, ''))
    .find((token) => !token.startsWith('--') || !isKnown(token.slice(2)));
  const digits = keys.find((key) => /^[0-9]/.test(key));
  const unknown = written ?? (digits === undefined ? undefined : `-${digits}`);
  if (unknown === undefined) return;
  const candidates = [...Object.keys(forms), ...EVERYWHERE].map((name) => `--${name}`);
  const hint = didYouMean(unknown, candidates, 'see kmem-run --help for the options');
  throw new SetupError('unknown-option', `unknown option ${quote(unknown)}`, hint);
}

function isFlag(forms: Readonly<Record<string, OptionForm>>, name: string): boolean {
  return Object.hasOwn(forms, name) && forms[name]?.type === 'boolean';
}

function missingValue(name: string): SetupError {
  return new SetupError(
    'missing-value',
    `--${name} requires a value`,
    `use --${name}=VALUE, also for a value that begins with a dash`,
  );
}

function valuesOf(name: string, value: unknown, forms: Readonly<Record<string, OptionForm>>): string[] {
  const values: string[] = Array.isArray(value) ? value : [value];
  if (values.length > 1 && !forms[name]?.repeatable) throw duplicate(name);
  return values;
}

/** No value begins with two dashes, so the tokens that do are the options. */
function inOrder(tokens: readonly string[], values: ReadonlyMap<string, readonly string[]>): Given['written'] {
  const used = new Map<string, number>();
  return tokens.flatMap((token) => {
    const [, name = ''] = /^--([^=]+)/.exec(token) ?? [];
    const at = used.get(name) ?? 0;
    const value = values.get(name)?.[at];
    used.set(name, at + 1);
    return value === undefined ? [] : [{ name, value }];
  });
}

// The parser keeps the last of several flags and reads any text but "true" as false: the tokens themselves are checked.
function readFlags(
  flags: readonly string[],
  tokens: readonly string[],
  parsed: Record<string, unknown>,
): Map<string, boolean> {
  const given = new Map<string, boolean>();
  for (const token of tokens) {
    const [, no, name, value] = /^--(no-)?([^=]+)(?:=(.*))?$/s.exec(token) ?? [];
    if (name === undefined || !flags.includes(name)) continue;
    if (given.has(name)) throw duplicate(name);
    if (value !== undefined && (no || !['true', 'false'].includes(value))) {
      throw new SetupError('bad-flag', `${quote(token)} is neither on nor off`, `write --${name} or --no-${name}`);
    }
    given.set(name, no ? parsed[`no-${name}`] !== true : parsed[name] === true);
  }
  return given;
}

function duplicate(name: string): SetupError {
  return new SetupError('duplicate-option', `--${name} is given more than once`, 'specify it only once');
}

/**
 * The options of a command that accepts nothing else: `argv` begins with its name.
 * @throws SetupError `unexpected-argument`, and those of readOptions().
 */
export function readOwnOptions(argv: readonly string[], forms: Readonly<Record<string, OptionForm>>): Given {
  const { before, after } = splitAtSeparator(argv);
  const [name = '', ...tokens] = before;
  const given = readOptions(tokens, forms);
  const stray = given.positionals[0] ?? (after === null ? undefined : '--');
  if (stray === undefined) return given;
  throw new SetupError(
    'unexpected-argument',
    `${name} accepts only options, not ${quote(stray)}`,
    `see kmem-run ${name} --help`,
  );
}
