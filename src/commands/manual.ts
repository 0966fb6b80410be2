/** Every command as --help describes it, for completion and the man page. */

import { type CommandPage, type PageOption, pageOfText } from '../report/page.ts';
import type { CommandHelp } from './help.ts';
import { commandList, helpOf } from './index.ts';

/** In the order of --help. */
export function readManual(): Promise<readonly CommandPage[]> {
  return Promise.all(
    commandList().map(async ([name, about]) => {
      const help = await helpOf(name);
      return 'table' in help ? pageOfTable(name, about, help) : pageOfText(name, about, help);
    }),
  );
}

function pageOfTable(name: string, about: string, { table, usage, epilogue }: CommandHelp): CommandPage {
  const [head = '', ...text] = usage.split('\n\n');
  const options = Object.entries(table).map(
    ([key, { helpName = key, takes = null, describe, group, repeatable = false }]): PageOption => ({
      ...{ name: helpName, takes, about: describe, group, repeatable },
    }),
  );
  return {
    name,
    about,
    synopsis: head.split('\n'),
    text,
    epilogue: epilogue.split('\n\n'),
    options,
    words: [],
    runs: true,
  };
}
