import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import { bashCompletion } from '../manual/bash.ts';
import { fishCompletion } from '../manual/fish.ts';
import type { CommandPage } from '../manual/page.ts';
import { zshCompletion } from '../manual/zsh.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';

const shells: Readonly<Record<string, (pages: readonly CommandPage[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

const text = `kmem-run completion bash|zsh|fish

Prints what makes that shell complete commands, options and their values, and after -- the command to run.

bash: kmem-run completion bash >~/.local/share/bash-completion/completions/kmem-run
zsh:  kmem-run completion zsh >DIR/_kmem-run, where DIR is one of $fpath
fish: kmem-run completion fish >~/.config/fish/completions/kmem-run.fish

Exit status: 0.
`;

export const completionHelp: Readonly<{ text: string; words: readonly string[] }> = {
  text,
  words: Object.keys(shells),
};

/** `kmem-run completion`. */
export function completionCommand(readManual: () => Promise<readonly CommandPage[]>) {
  return async (argv: readonly string[]): Promise<number> => {
    const [, shell, ...rest] = argv;
    if (shell === '--help') {
      await print(text);
      return 0;
    }
    const make = shell !== undefined && Object.hasOwn(shells, shell) ? shells[shell] : undefined;
    if (make === undefined || rest.length > 0) throw noSuchShell(shell, rest);
    // Loads every command: the others are not to pay for that.
    await print(make(await readManual()));
    return 0;
  };
}

function noSuchShell(shell: string | undefined, [stray]: readonly string[]): SetupError {
  const known = Object.keys(shells);
  const otherwise = `write kmem-run completion ${known.join('|')}`;
  if (shell === undefined) return new SetupError('missing-argument', 'for which shell?', otherwise);
  if (stray !== undefined)
    return new SetupError('unexpected-argument', `${quote(stray)} is one word too many`, otherwise);
  return new SetupError(
    'bad-option',
    `completion is not made for ${quote(shell)}`,
    didYouMean(shell, known, otherwise),
  );
}
