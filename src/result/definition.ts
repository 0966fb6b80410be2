/**
 * Every key of the result is defined where its type is: what it is, its unit, and what its absence means.
 * The JSON Schema and docs/results.md are made from these definitions, so neither can drift from the type.
 */

import { z } from 'zod';

export type Definition = Readonly<{
  description: string;
  /** Of the number; absent where there is none (names, identifiers, structures). */
  unit?: string;
  /** What null says; present on every key that can be null, and on no other. */
  whenNull?: string;
  /** What a result has there that was kept before there was this key; absent: null, an empty list, false. */
  whenAbsent?: unknown;
}>;

export const definitions = z.registry<Definition>();

const natural = () => z.int().nonnegative();

export const bytes = (description: string) => natural().register(definitions, { description, unit: 'bytes' });

export const bytesOrNull = (description: string, whenNull: string) =>
  natural().nullable().register(definitions, { description, unit: 'bytes', whenNull });

export const count = (description: string, unit: string) => natural().register(definitions, { description, unit });

export const countOrNull = (description: string, unit: string, whenNull: string) =>
  natural().nullable().register(definitions, { description, unit, whenNull });

/** A time or a duration. Not `nonnegative`: a denial of the command's own exec can come just before time zero. */
export const ms = (description: string) => z.number().register(definitions, { description, unit: 'ms' });

export const msOrNull = (description: string, whenNull: string) =>
  z.number().nullable().register(definitions, { description, unit: 'ms', whenNull });

/** A number that names something and is not counted: a process, a step, a CPU. */
export const id = (description: string) => natural().register(definitions, { description });

export const text = (description: string) => z.string().register(definitions, { description });

export const textOrNull = (description: string, whenNull: string) =>
  z.string().nullable().register(definitions, { description, whenNull });

export const flag = (description: string) => z.boolean().register(definitions, { description });

export const choice = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values).register(definitions, { description });

export const choiceOrNull = <const T extends readonly [string, ...string[]]>(
  values: T,
  description: string,
  whenNull: string,
) => z.enum(values).nullable().register(definitions, { description, whenNull });

/** Defines a structure: an object, a list, or anything that the helpers above do not make. */
export const define = <S extends z.ZodType>(
  schema: S,
  description: string,
  more: Omit<Definition, 'description'> = {},
) => {
  definitions.add(schema, { description, ...more });
  return schema;
};
