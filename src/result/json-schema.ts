/** The schema of a result for other programs. Needs zod: load it lazily. */

import { z } from 'zod';
import { definitions } from './definition.ts';
import { resultSchema } from './schema.ts';

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
