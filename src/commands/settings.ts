/**
 * Options from the environment or a file: `KMEM_RUN_KMEM=1M`, or `kmem: 1M` in kmem-run.config.yaml. The command line
 * wins over the environment, the environment over the file, and in the file a command's section over the rest.
 */

import { SetupError } from '../errors.ts';
import { ownEnvironment } from '../host/own-process.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { type Given, type OptionForm, splitAtSeparator } from './read-options.ts';
import { badFile, readSettingsFile, type SettingsFile } from './settings-file.ts';

export type Setting = Readonly<{
  values: readonly string[];
  /** The variable or the file. */
  source: string;
  /** Its name in messages: `KMEM_RUN_KMEM`, `sweep.repeat in "/home/a/kmem-run.config.yaml"`. */
  shown: string;
}>;

/** The option names that a command accepts. */
export type NamesOf = (command: string) => Promise<readonly string[]>;

/** Commands that make runs: a file may have a section for each. The others read only the store from settings. */
const RUNNING = ['run', 'sweep', 'bisect', 'explore', 'scenario', 'replay', 'fidelity'];
const READING = ['history', 'show', 'compare', 'serve', 'export', 'report'];

const PREFIX = 'KMEM_RUN_';
/** Variables that are no options; those that begin with KMEM_RUN_TEST are the tests' own. */
const OTHER_VARIABLES = ['DEBUG', 'DIR', 'KERNELS', 'PORT'];

/** Options about a single call. A dry run that nobody sees requested would pass for a run. */
const ONLY_ON_COMMAND_LINE = ['help', 'version', 'inside', 'dry-run', 'resume', 'scenario', 'token'];

/** Options whose meaning differs between this command and `run`: only its own section sets them. */
const NOT_SHARED: Readonly<Record<string, readonly string[]>> = {
  bisect: ['kmem'],
  explore: ['kmem'],
  scenario: ['kernel', 'output'],
  replay: ['cwd', 'enforce', 'output', 'prepare', 'stdin'],
};

/** Settings that an option on the command line overrides, since they cannot be combined. */
const SET_ASIDE: Readonly<Record<string, readonly string[]>> = {
  here: ['kernel', 'vm-memory', 'vm-cpus'],
  kernel: ['here', 'parent'],
  label: ['keep'],
  store: ['keep'],
  parent: ['kernel'],
  'no-keep': ['label', 'store'],
  quiet: ['verbose'],
  verbose: ['quiet'],
};

/** Settings that have no meaning without another option. */
const NEEDS: Readonly<Record<string, string>> = {
  ...{ 'vm-memory': 'kernel', 'vm-cpus': 'kernel', rw: 'kernel', 'fresh-vm': 'kernel' },
};

let loaded: ReadonlyMap<string, Setting> = new Map();
const applied = new Map<string, Setting>();

/**
 * Looks up a command's settings, once, before its options are read.
 * @throws SetupError `unknown-setting`, `bad-setting`, and those of readSettingsFile().
 */
export async function loadSettings(command: string, argv: readonly string[], namesOf: NamesOf): Promise<void> {
  const { before } = splitAtSeparator(argv);
  const isRunning = RUNNING.includes(command) && (command !== 'scenario' || before[1] === 'run');
  // Inside a microVM the request specifies everything.
  if ((!isRunning && !READING.includes(command)) || before.includes('--help') || before.includes('--inside')) return;
  const variables = readVariables();
  const file = readsFile(before, variables.get('config')) ? await readSettingsFile() : null;
  if (variables.size === 0 && file === null) return;
  const [common, sections] = file === null ? [[], {}] : readContent(file);
  await refuseUnknown([...variables, ...common], RUNNING, namesOf);
  for (const [name, section] of Object.entries(sections)) await refuseUnknown(section, [name], namesOf);
  const isShared = ([name]: readonly [string, Setting]) =>
    isRunning ? !NOT_SHARED[command]?.includes(name) : name === 'store';
  loaded = new Map([...common.filter(isShared), ...(sections[command] ?? []), ...[...variables].filter(isShared)]);
}

function readVariables(): ReadonlyMap<string, Setting> {
  const isOption = (name: string) =>
    name.startsWith(PREFIX) &&
    !/^TEST|^$/.test(name.slice(PREFIX.length)) &&
    !OTHER_VARIABLES.includes(name.slice(PREFIX.length));
  if (!Object.keys(process.env).some(isOption)) return new Map();
  const found = Object.entries(ownEnvironment()).filter(([name]) => isOption(name));
  return new Map(
    found.map(([variable, value]) => {
      if (value === '')
        throw new SetupError('bad-setting', `${variable} is empty`, `set the variable to a value, or unset it`);
      const name = variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-');
      return [name, { values: [value], source: variable, shown: variable }];
    }),
  );
}

/** No value on the command line begins with two dashes. */
function readsFile(before: readonly string[], variable: Setting | undefined): boolean {
  const written = before.findLast((token) => /^--(no-)?config(=|$)/.test(token));
  if (written !== undefined) return written === '--config' || written === '--config=true';
  return variable === undefined || isOn(variable);
}

type Entries = readonly (readonly [name: string, setting: Setting])[];

function readContent({ path, content }: SettingsFile): [Entries, Readonly<Record<string, Entries>>] {
  const common: [string, Setting][] = [];
  const sections: Record<string, Entries> = {};
  for (const [key, value] of Object.entries(content)) {
    if (!isMap(value)) common.push([key, settingOf(value, { path, key })]);
    else if (RUNNING.includes(key))
      sections[key] = Object.entries(value).map(([name, each]) => [
        name,
        settingOf(each, { path, key: `${key}.${name}` }),
      ]);
    else {
      const hint = didYouMean(key, RUNNING, `sections are for ${RUNNING.join(', ')}`);
      throw badFile(`${shownKey(path, key)} is not a section for a command that makes runs`, hint);
    }
  }
  return [common, sections];
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function settingOf(given: unknown, { path, key }: Readonly<{ path: string; key: string }>): Setting {
  const shown = shownKey(path, key);
  const values = (Array.isArray(given) ? given : [given]).map((value) => {
    if (typeof value === 'boolean' || (typeof value === 'string' && value !== '')) return String(value);
    const what = value === null || value === '' ? 'has no value' : 'contains a map or a nested list';
    throw badFile(`${shown} ${what}`, 'use a string or a list of strings, as on the command line');
  });
  return { values, source: path, shown };
}

function shownKey(path: string, key: string): string {
  return `${quote(key).slice(1, -1)} in ${quote(path, 1000)}`;
}

/** @throws SetupError `unknown-setting` for a setting that none of these commands accepts. */
async function refuseUnknown(settings: Entries, commands: readonly string[], namesOf: NamesOf): Promise<void> {
  const isOption = async (name: string): Promise<boolean> => {
    for (const command of commands) if ((await namesOf(command)).includes(name)) return true;
    return false;
  };
  for (const [name, setting] of settings) {
    if (ONLY_ON_COMMAND_LINE.includes(name) || (name === 'config' && !isVariable(setting)))
      throw new SetupError(
        'unknown-setting',
        `${setting.shown} can be set only on the command line`,
        `write --${name}`,
      );
    if (await isOption(name)) continue;
    const reason = `${setting.shown}: unknown option --${name}`;
    const positive = name.replace(/^no-/, '');
    if (positive !== name && (await isOption(positive))) {
      const opposite = setting.values[0] === 'false' ? 'true' : 'false';
      const hint = isVariable(setting) ? `write ${variableOf(positive)}=${opposite}` : `write ${positive}: ${opposite}`;
      throw new SetupError('unknown-setting', reason, hint);
    }
    const known = (await Promise.all(commands.map(namesOf))).flat();
    const otherwise = `${isVariable(setting) ? 'unset it' : 'remove it'}; kmem-run --help lists the options`;
    const spell = (option: string) => (isVariable(setting) ? variableOf(option) : option);
    throw new SetupError('unknown-setting', reason, didYouMean(name, known, otherwise, spell));
  }
}

function isVariable({ source, shown }: Setting): boolean {
  return source === shown;
}

function variableOf(option: string): string {
  return PREFIX + option.toUpperCase().replaceAll('-', '_');
}

export type GivenWithSettings = Given & Readonly<{ settings: ReadonlyMap<string, Setting> }>;

/** The options that settings add to a command line, if `takes` accepts them. @throws SetupError `bad-setting`. */
export function withSettings(
  given: Given,
  forms: Readonly<Record<string, OptionForm>>,
  takes: (name: string) => boolean = () => true,
): GivenWithSettings {
  const strings = new Map(given.strings);
  const booleans = new Map(given.booleans);
  const asides = setAside(given);
  const usable = [...loaded].filter(
    ([name]) =>
      Object.hasOwn(forms, name) && takes(name) && !strings.has(name) && !booleans.has(name) && !asides.includes(name),
  );
  const names = new Set([...strings.keys(), ...usable.map(([name]) => name)]);
  const used = usable.filter(([name]) => NEEDS[name] === undefined || names.has(NEEDS[name]));
  for (const [name, setting] of used) {
    applied.set(name, setting);
    if (forms[name]?.type === 'boolean') booleans.set(name, isOn(setting));
    else if (setting.values.length === 1 || forms[name]?.repeatable) strings.set(name, setting.values);
    else throw new SetupError('bad-setting', `${setting.shown} accepts one value, not a list`, 'give one value');
  }
  const added = used.flatMap(([name, { values }]) =>
    strings.has(name) ? values.map((value) => ({ name, value })) : [],
  );
  return { ...given, strings, booleans, written: [...added, ...given.written], settings: new Map(used) };
}

function setAside({ strings, booleans }: Given): readonly string[] {
  // A group on this machine is useful only on its own kernel.
  const texts = [...strings].flatMap(([name, values]) => (name === 'kernel' && values.includes('host') ? [] : name));
  const flags = [...booleans].map(([name, on]) => (on ? name : `no-${name}`));
  return [...texts, ...flags].flatMap((name) => SET_ASIDE[name] ?? []);
}

function isOn({ values, shown }: Setting): boolean {
  const [value, ...others] = values;
  if (others.length === 0 && (value === 'true' || value === 'false')) return value === 'true';
  throw new SetupError(
    'bad-setting',
    `${shown}: ${quote(values.join(', '))} is neither true nor false`,
    'give true or false',
  );
}

/** Rewords an error about a setting: it names the option, which the user did not write. */
export function namingSettings(error: SetupError): SetupError {
  const message = error.message.replace(/--([a-z][a-z-]*)/g, (option, name) => applied.get(name)?.shown ?? option);
  if (message === error.message) return error;
  const named = new SetupError(error.code, message, error.hint, { cause: error });
  named.result = error.result;
  return named;
}

/** The first value of a setting, for a command line that cannot be read; null: there is none. */
export function settingFor(name: string): string | null {
  return loaded.get(name)?.values[0] ?? null;
}
