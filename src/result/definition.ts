/**
 * Every key of the result is defined next to its type: its meaning, its unit, and what null means. The JSON Schema and
 * docs/reference/results.md are generated from these definitions, so neither can drift from the type.
 */

import { z } from 'zod';

export type Definition = Readonly<{
  description: string;
  /** Unit of the number; absent for names, identifiers and structures. */
  unit?: string;
  /** What null means; present on every key that can be null, and on no other. */
  whenNull?: string;
  /** Value of the key in results saved before the key existed; absent: null, an empty list or false. */
  whenAbsent?: unknown;
}>;

export const definitions = z.registry<Definition>();

function natural() {
  return z.int().nonnegative();
}

export function bytes(description: string) {
  return natural().register(definitions, { description, unit: 'bytes' });
}

export function bytesOrNull(description: string, whenNull: string) {
  return natural().nullable().register(definitions, { description, unit: 'bytes', whenNull });
}

export function count(description: string, unit: string) {
  return natural().register(definitions, { description, unit });
}

export function countOrNull(description: string, unit: string, whenNull: string) {
  return natural().nullable().register(definitions, { description, unit, whenNull });
}

/** A time or a duration. Not `nonnegative`: a denial of the command's own exec can come just before time zero. */
export function ms(description: string) {
  return z.number().register(definitions, { description, unit: 'ms' });
}

export function msOrNull(description: string, whenNull: string) {
  return z.number().nullable().register(definitions, { description, unit: 'ms', whenNull });
}

/** A number that identifies something: a process, a step, a CPU. */
export function id(description: string) {
  return natural().register(definitions, { description });
}

export function text(description: string) {
  return z.string().register(definitions, { description });
}

export function textOrNull(description: string, whenNull: string) {
  return z.string().nullable().register(definitions, { description, whenNull });
}

export function flag(description: string) {
  return z.boolean().register(definitions, { description });
}

export function choice<const T extends readonly [string, ...string[]]>(values: T, description: string) {
  return z.enum(values).register(definitions, { description });
}

export function choiceOrNull<const T extends readonly [string, ...string[]]>(
  values: T,
  description: string,
  whenNull: string,
) {
  return z.enum(values).nullable().register(definitions, { description, whenNull });
}

/** Defines a structure: an object, a list, or anything that the functions above do not create. */
export function define<S extends z.ZodType>(
  schema: S,
  description: string,
  more: Omit<Definition, 'description'> = {},
) {
  definitions.add(schema, { description, ...more });
  return schema;
}
