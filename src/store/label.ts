/** Names that users give to what they keep. */

import { SetupError } from '../errors.ts';
import { quote } from '../spec/quote.ts';

// No comma and no @: both mean something where runs are named. Nothing that a shell or a terminal would take as more than a name.
const LABEL = /^[\p{L}\p{N}][\p{L}\p{N}\p{M}._+:/=-]{0,63}$/u;

/** Throws SetupError `bad-label`. */
export function parseLabel(text: string): string {
  if (LABEL.test(text)) return text;
  throw new SetupError(
    'bad-label',
    `--label: ${quote(text)} cannot be a label`,
    'give up to 64 letters, digits and . _ + : / = - (the first one a letter or a digit)',
  );
}
