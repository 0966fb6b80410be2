import { SetupError } from '../errors.ts';
import { quote } from '../spec/quote.ts';
import { type Given, type OptionForm, readOptions, splitAtSeparator } from './read-options.ts';

/**
 * The options of a command that takes nothing else: `argv` begins with its name.
 * Throws SetupError `unexpected-argument`, and those of readOptions().
 */
export function readOwnOptions(argv: readonly string[], forms: Readonly<Record<string, OptionForm>>): Given {
  const { before, after } = splitAtSeparator(argv);
  const [name = '', ...tokens] = before;
  const given = readOptions(tokens, forms);
  const stray = given.positionals[0] ?? (after === null ? undefined : '--');
  if (stray === undefined) return given;
  throw new SetupError(
    'unexpected-argument',
    `${name} takes options only, not ${quote(stray)}`,
    `see kmem-run ${name} --help`,
  );
}
