/**
 * The result of a run whose options are wrong: a reader of `--json` finds the reason where any other failure has it.
 */

import { SetupError } from '../errors.ts';
import { newId } from '../host/new-id.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { outputFile } from '../request/output-file.ts';
import { assemble } from '../result/assemble.ts';
import { emptyFacts } from '../result/facts.ts';
import { judge } from '../result/judge.ts';
import { splitAtSeparator } from './read-options.ts';
import { settingFor } from './settings.ts';

const NAME = '--json';

/** Writes nothing if no file can be written: the error itself has been reported, or is about that. */
export async function writeOptionError(argv: readonly string[], error: SetupError): Promise<void> {
  const { before, after } = splitAtSeparator(argv);
  const file = jsonFileIn(before) ?? settingFor('json');
  if (file === null || before.includes('--dry-run') || error.code === 'json-on-stdout') return;
  // Nothing is known about the other options: the wrong one may be any of them.
  const spec = { ...normaliseSpec({ command: ['true'] }), command: after ?? [] };
  const facts = emptyFacts(newId(), spec);
  facts.error = error;
  const result = judge(assemble(facts), [], { stdout: null, stderr: null });
  const { writeJson } = await import('../report/formats.ts');
  try {
    await writeJson(file === '-' ? file : outputFile(file, { name: NAME }), result);
  } catch (failed) {
    if (!(failed instanceof SetupError)) throw failed;
  }
}

/** The last option that names a file, by the rules of readOptions(): no value begins with a dash and a letter. */
function jsonFileIn(tokens: readonly string[]): string | null {
  const files = tokens.flatMap((token, index) => {
    if (token.startsWith(`${NAME}=`)) return [token.slice(NAME.length + 1)];
    const value = token === NAME ? tokens[index + 1] : undefined;
    return value === undefined || /^-[^0-9]/.test(value) ? [] : [value];
  });
  return files.at(-1) ?? null;
}
