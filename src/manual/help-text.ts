/** What --help prints, laid out by yargs from the same definitions that parse. */

import yargs from 'yargs';
import { aboutOption, type CommandHelp, type CommandPage, type PageOption } from './page.ts';

/** Below this width yargs breaks words to keep its columns. */
const NARROWEST = 60;

/** `commands`: listed after the options. */
export function helpText(help: CommandHelp, width: number, commands: readonly CommandPage[] = []): Promise<string> {
  const { actions = {}, examples = [] } = help;
  return layOut(width, {
    head: [help.synopsis.join('\n'), ...help.text],
    actions: Object.entries(actions).map(([name, { about }]) => [name, about]),
    options: help.options,
    foot: [
      ...commandTables(commands),
      ...table('Exit status:', help.status),
      ...(examples.length === 0 ? [] : [['Examples:', ...examples.map((line) => `  ${line}`)].join('\n')]),
    ],
  });
}

/** What `kmem-run help` prints. */
export function listText(commands: readonly CommandPage[], width: number): Promise<string> {
  const last = 'kmem-run help COMMAND describes a command and its options; kmem-run -V prints the version.';
  return layOut(width, {
    head: ['kmem-run [options] -- command [args…]\nkmem-run COMMAND [options]'],
    actions: [],
    options: [],
    foot: [...commandTables(commands), last],
  });
}

type Parts = Readonly<{
  head: readonly string[];
  actions: readonly (readonly [string, string])[];
  options: readonly PageOption[];
  foot: readonly string[];
}>;

async function layOut(width: number, { head, actions, options, foot }: Parts): Promise<string> {
  const parser = yargs([])
    .scriptName('')
    .locale('en')
    .updateStrings({ 'Commands:': 'Actions:' })
    .usage(head.join('\n\n'))
    .parserConfiguration({ 'boolean-negation': false, 'camel-case-expansion': false })
    .options(Object.fromEntries(options.map(rowOf)))
    .wrap(Math.max(width, NARROWEST))
    .version(false)
    .help(false)
    .epilogue(foot.join('\n\n'));
  for (const [name, about] of actions) parser.command(name, about);
  return `${await parser.getHelp()}\n`;
}

/** A heading for each group, then one line for each of its commands. */
function commandTables(commands: readonly CommandPage[]): string[] {
  return [...Map.groupBy(commands, ({ group }) => group)].flatMap(([group, own]) =>
    table(
      group,
      own.map(({ name, about }) => [name, about]),
    ),
  );
}

/** yargs shows no value names, but accepts any text as the name of an option. */
function rowOf(option: PageOption) {
  const { name, takes, group } = option;
  return [takes === null ? name : `${name} ${takes}`, { group, description: aboutOption(option) }] as const;
}

/** A tab separates the columns. */
function table(heading: string, rows: readonly (readonly [string, string])[]): string[] {
  return rows.length === 0 ? [] : [[heading, ...rows.map(([name, about]) => `  ${name}\t  ${about}`)].join('\n')];
}
