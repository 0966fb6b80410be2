/** What needs zod at run time: load it lazily, after the command has run. */

import { z } from 'zod';
import { SetupError } from '../errors.ts';
import { definitions } from './definition.ts';
import { type Result, resultSchema } from './schema.ts';

// Compiling its checks to code costs more memory and time than checking one result by them.
z.config({ jitless: true });

const SHOWN_ISSUES = 3;

/**
 * @throws SetupError `invalid-result` if the result is not what the schema says. That is a bug of kmem-run, never a
 * mistake of the user or of the measured program, and the message says so.
 */
export function validateResult(result: unknown): Result {
  const parsed = resultSchema.safeParse(result);
  if (parsed.success) return result as Result;
  const { issues } = parsed.error;
  const shown = issues
    .slice(0, SHOWN_ISSUES)
    .map(({ path, message }) => `${z.core.toDotPath(path) || 'result'}: ${message}`);
  const more = issues.length > SHOWN_ISSUES ? `; and ${issues.length - SHOWN_ISSUES} more` : '';
  throw new SetupError(
    'invalid-result',
    `internal error: the result does not match its own schema (${shown.join('; ')}${more})`,
    'this is a bug in kmem-run: please report it with this message and the command line',
  );
}

export type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * The JSON Schema (draft 2020-12) of a result. Unit and meaning of null go into `description`, since strict validators
 * refuse keywords of our own; unknown keys are allowed, since keys may be added within a schema version.
 */
export function resultJsonSchema(): JsonSchema {
  return z.toJSONSchema(resultSchema, { metadata: definitions, override: ({ jsonSchema }) => toStandard(jsonSchema) });
}

function toStandard(node: JsonSchema): void {
  const { description, unit, whenNull } = node;
  if (description !== undefined) {
    node.description = [description, ...sentence('Unit', unit), ...sentence('Null', whenNull)].join(' ');
  }
  delete node.unit;
  delete node.whenNull;
  delete node.whenAbsent;
  if (node.additionalProperties === false) delete node.additionalProperties;
}

function sentence(label: string, text: unknown): string[] {
  return typeof text === 'string' ? [`${label}: ${text}.`] : [];
}
