import { kebab, type RunInput } from '../request/run-input.ts';
import type { OptionForm } from './read-options.ts';

/** What is said, and where; none of it changes the run. */
export type ReportRequest = {
  /** File for the result, absolute; `-` is stdout; null: no file. */
  json: string | null;
  /** Put the result into the store: the one in this file (absolute), or the user's own for null; under this label, or none. */
  keep: boolean;
  store: string | null;
  label: string | null;
  quiet: boolean;
  verbose: boolean;
  /** Pictures too. */
  plot: boolean;
  /** Null: as the terminal and NO_COLOR say. */
  color: boolean | null;
  dryRun: boolean;
};

type Key = keyof RunInput;
export type Draft = Readonly<{
  input: { [K in Key]?: unknown };
  env: Map<string, string>;
  report: ReportRequest;
  /** Where `--env K` copies from. */
  inherited: NodeJS.ProcessEnv;
}>;
type Shown = OptionForm & Readonly<{ group: OptionGroup; describe: string; takes?: string; helpName?: string }>;
export type StringOption = Shown & Readonly<{ type: 'string'; apply: (draft: Draft, value: string) => void }>;
type FlagOption = Shown & Readonly<{ type: 'boolean'; apply: (draft: Draft, on: boolean) => void }>;
export type RunOption = StringOption | FlagOption;
export type OptionTable = Readonly<Record<string, RunOption>>;
type OptionGroup = 'The experiment:' | 'Limits:' | 'Enforcement:' | 'The run:' | 'The command:' | 'Output:';

export function sets(key: Key, group: OptionGroup, takes: string, describe: string): Record<string, RunOption> {
  const apply = ({ input }: Draft, value: string) => {
    input[key] = value;
  };
  return { [kebab(key)]: string(group, takes, describe, apply) };
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
  key: 'aslr' | 'clearEnv' | 'allowIoUring' | 'background',
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
): StringOption {
  return { type: 'string', group, takes, describe, apply };
}

export function flag(group: OptionGroup, describe: string, apply: FlagOption['apply']): FlagOption {
  return { type: 'boolean', group, describe, apply };
}
