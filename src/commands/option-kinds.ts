import type { PageOption } from '../manual/page.ts';
import { kebab, type RunInput } from '../request/run-input.ts';
import type { OptionForm } from './read-options.ts';

/** What is reported, and where; none of it changes the run. */
export type ReportRequest = {
  /** File for the result, absolute; `-` is stdout; null: no file. */
  json: string | null;
  /**
   * Save the result in the store: the one in this file (absolute), or the user's own if null; under this label, or
   * none.
   */
  keep: boolean;
  store: string | null;
  label: string | null;
  quiet: boolean;
  verbose: boolean;
  /** Pictures too. */
  plot: boolean;
  /** Null: the terminal and NO_COLOR decide. */
  color: boolean | null;
  dryRun: boolean;
};

type Key = keyof RunInput;
export type Draft = Readonly<{
  input: { [K in Key]?: unknown };
  env: Map<string, string>;
  report: ReportRequest;
  /** Source of values for `--env K`. */
  inherited: NodeJS.ProcessEnv;
}>;

/**
 * An option as --help shows it. `helpName`: its spelling there (`no-color`). `isHidden`: it is rejected with a reason.
 */
export type ShownOption = OptionForm &
  Readonly<{
    group: string;
    describe: string;
    takes?: string;
    helpName?: string;
    byDefault?: string;
    choices?: readonly string[];
    isHidden?: boolean;
  }>;
type Shown = ShownOption & Readonly<{ group: OptionGroup }>;
export type StringOption = Shown & Readonly<{ type: 'string'; apply: (draft: Draft, value: string) => void }>;
type FlagOption = Shown & Readonly<{ type: 'boolean'; apply: (draft: Draft, on: boolean) => void }>;
export type RunOption = StringOption | FlagOption;
export type OptionTable = Readonly<Record<string, RunOption>>;
type OptionGroup =
  | 'Experiment:'
  | 'Limits:'
  | 'Steps:'
  | 'End of the run:'
  | 'Enforcement:'
  | 'MicroVM:'
  | 'Command:'
  | 'Output:';

export function sets(
  key: Key,
  group: OptionGroup,
  takes: string,
  describe: string,
  byDefault?: string,
): Record<string, RunOption> {
  const apply = ({ input }: Draft, value: string) => {
    input[key] = value;
  };
  return { [kebab(key)]: string(group, takes, describe, apply, byDefault) };
}

type ListKey = 'then' | 'expect' | 'rw' | 'inject';

export function collects(
  key: Exclude<ListKey, 'inject'>,
  group: OptionGroup,
  takes: string,
  describe: string,
): Record<string, RunOption> {
  return { [key]: { ...string(group, takes, describe, appends(key)), repeatable: true } };
}

export function appends(key: ListKey): StringOption['apply'] {
  return ({ input }, value) => {
    input[key] = [...((input[key] as string[] | undefined) ?? []), value];
  };
}

export function turns(
  key: 'aslr' | 'clearEnv' | 'allowIoUring' | 'background' | 'freshVm' | 'profile',
  group: OptionGroup,
  describe: string,
): Record<string, RunOption> {
  const apply = ({ input }: Draft, on: boolean) => {
    input[key] = on;
  };
  return { [kebab(key)]: flag(group, describe, apply) };
}

export function string(
  group: OptionGroup,
  takes: string,
  describe: string,
  apply: StringOption['apply'],
  byDefault?: string,
): StringOption {
  return { type: 'string', group, takes, describe, apply, ...(byDefault === undefined ? {} : { byDefault }) };
}

export function flag(group: OptionGroup, describe: string, apply: FlagOption['apply']): FlagOption {
  return { type: 'boolean', group, describe, apply };
}

type More = Partial<Pick<ShownOption, 'group' | 'repeatable' | 'byDefault' | 'helpName' | 'choices'>>;

/** An option whose value is read by the command itself. */
export function valueOption(takes: string, describe: string, more: More = {}): ShownOption {
  return { type: 'string', group: 'Options:', takes, describe, ...more };
}

export function flagOption(describe: string, more: More = {}): ShownOption {
  return { type: 'boolean', group: 'Options:', describe, ...more };
}

/** For the commands that print a report. */
export const NO_COLOR = { color: flagOption('print without colours', { helpName: 'no-color' }) } as const;

/** For the commands that read settings. */
export const NO_CONFIG = {
  config: flagOption('do not read kmem-run.config.json or kmem-run.config.yaml', { helpName: 'no-config' }),
} as const;

/** For the commands that read the store. */
export const STORE = { store: valueOption('FILE', 'read this store instead of your own') } as const;

/** What --help, completion and the man pages say about a table. */
export function pageOptions(table: Readonly<Record<string, ShownOption>>): PageOption[] {
  return Object.entries(table)
    .filter(([, { isHidden }]) => !isHidden)
    .map(([key, { helpName = key, takes = null, choices, describe, group, byDefault = null, repeatable = false }]) => ({
      ...{ name: helpName, takes, completes: choices?.join('|') ?? takes },
      ...{ about: describe, byDefault, group, repeatable },
    }));
}
