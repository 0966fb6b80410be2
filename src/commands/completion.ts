import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import { bashCompletion } from '../manual/bash.ts';
import { fishCompletion } from '../manual/fish.ts';
import type { CommandHelp, CommandPage } from '../manual/page.ts';
import { zshCompletion } from '../manual/zsh.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';

const shells: Readonly<Record<string, (pages: readonly CommandPage[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

export const completionHelp: CommandHelp = {
  synopsis: [`kmem-run completion ${Object.keys(shells).join('|')}`],
  text: [
    'Prints a completion script for this shell. The script completes commands, options and values, including after npx. After --, it completes the command to run.',
  ],
  options: [],
  takes: Object.keys(shells).join('|'),
  status: [['0', 'printed']],
  examples: [
    'kmem-run completion bash >~/.local/share/bash-completion/completions/kmem-run',
    'kmem-run completion zsh >DIR/_kmem-run (DIR is one of $fpath)',
    'kmem-run completion fish >~/.config/fish/completions/kmem-run.fish',
  ],
};

/** `kmem-run completion`. */
export function completionCommand(readManual: () => Promise<readonly CommandPage[]>) {
  return async (argv: readonly string[]): Promise<number> => {
    const [, shell, ...rest] = argv;
    const make = shell !== undefined && Object.hasOwn(shells, shell) ? shells[shell] : undefined;
    if (make === undefined || rest.length > 0) throw noSuchShell(shell, rest);
    // Loads every command; other commands avoid that cost.
    await print(make(await readManual()));
    return 0;
  };
}

function noSuchShell(shell: string | undefined, [stray]: readonly string[]): SetupError {
  const known = Object.keys(shells);
  const otherwise = `use kmem-run completion ${known.join('|')}`;
  if (shell === undefined) return new SetupError('missing-argument', 'completion requires a shell', otherwise);
  if (stray !== undefined)
    return new SetupError('unexpected-argument', `unexpected argument: ${quote(stray)}`, otherwise);
  return new SetupError('bad-option', `unsupported shell: ${quote(shell)}`, didYouMean(shell, known, otherwise));
}
