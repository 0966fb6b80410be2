/** Errors in the values of a file, each at its path, worded for people. Loads zod. */

import type { z } from 'zod';
import type { Path } from '../request/expect-key.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { visible } from '../text/visible.ts';
import { scenarioSchema } from './schema.ts';

/** `key`: the issue concerns this key below the path, not a value. */
export type Issue = Readonly<{ path: Path; key: string | null; message: string; hint: string | null }>;

/** In the order of the schema's keys; empty if there are none. */
export function findIssues(value: unknown): Issue[] {
  const { error } = scenarioSchema.safeParse(value);
  return (error?.issues ?? []).flatMap((issue) => issuesOf(issue as z.core.$ZodIssue, [], value));
}

function issuesOf(issue: z.core.$ZodIssue, above: Path, root: unknown): Issue[] {
  const path = [...above, ...(issue.path as (string | number)[])];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key));
  if (issue.code === 'invalid_union') return bestBranch(issue, path, root);
  const hint = issue.code === 'custom' ? ((issue.params?.hint as string | undefined) ?? null) : null;
  return [{ path, key: null, message: `${whereText(path)}${messageOf(issue, valueAt(root, path))}`, hint }];
}

/** The alternative that was most likely meant: the one whose mistakes lie deepest. */
function bestBranch(issue: z.core.$ZodIssueInvalidUnion, path: Path, root: unknown): Issue[] {
  const depth = (branch: readonly z.core.$ZodIssue[]): number =>
    Math.max(0, ...branch.map((each) => each.path.length + (each.code === 'invalid_type' ? 0 : 0.5)));
  const [best] = issue.errors.toSorted((a, b) => depth(b) - depth(a));
  if (best === undefined || depth(best) === 0) {
    return [{ path, key: null, message: `${whereText(path)}${noneOf(issue, valueAt(root, path))}`, hint: null }];
  }
  return best.flatMap((each) => issuesOf(each, path, root));
}

/** `3 is not a text, a list`, or the custom message of one of the alternatives. */
function noneOf({ errors }: z.core.$ZodIssueInvalidUnion, value: unknown): string {
  const messages = errors.flatMap((branch) => branch.map((each) => messageOf(each, value)));
  const [own] = messages.filter((message) => !message.startsWith(`${quote(value)} is not `));
  const types = errors.flatMap((branch) =>
    branch.map((each) => (each.code === 'invalid_type' ? article(each.expected) : null)),
  );
  return own ?? `${quote(value)} is not ${[...new Set(types.filter((type) => type !== null))].join(' or ')}`;
}

function unknownKey(path: Path, key: string): Issue {
  const known = keysAt(path);
  const hint = didYouMean(key, known, `known keys: ${known.join(', ')}`);
  return { path, key, message: `${whereText(path)}unknown key ${quote(key)}`, hint };
}

function messageOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === 'invalid_type' && value === undefined) return 'is missing';
  if (issue.code === 'invalid_type') {
    const custom = issue.message.startsWith('Invalid input') ? null : issue.message;
    return custom ?? `${quote(value)} is not ${article(issue.expected)}`;
  }
  if (issue.code === 'invalid_value') return `${quote(value)} is not one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'too_small' && typeof value !== 'number') return 'is empty';
  return issue.message;
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of names',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function article(expected: string): string {
  return NAMES[expected] ?? expected;
}

/** `steps[2].ready: `; empty for the whole file. */
function whereText(path: Path): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
  return text === '' ? '' : `${text.slice(1)}: `;
}

function valueAt(root: unknown, path: Path): unknown {
  let at = root;
  for (const segment of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Object.hasOwn(at, segment) ? (at as Record<string | number, unknown>)[segment] : undefined;
  }
  return at;
}

/** The keys that the schema defines at a path; empty if it defines none. */
function keysAt(path: Path): string[] {
  let found: z.core.$ZodType[] = [scenarioSchema];
  for (const segment of path) found = found.flatMap((schema) => insideOf(schema, segment));
  return [
    ...new Set(found.flatMap((schema) => alternatives(schema)).flatMap((schema) => Object.keys(shapeOf(schema)))),
  ];
}

function insideOf(schema: z.core.$ZodType, segment: string | number): z.core.$ZodType[] {
  return alternatives(schema).flatMap((each) => {
    const { def } = each._zod as unknown as { def: Definition };
    if (def.element !== undefined) return [def.element];
    if (def.valueType !== undefined) return [def.valueType];
    const inner = shapeOf(each)[segment];
    return inner === undefined ? [] : [inner];
  });
}

type Definition = Readonly<{
  shape?: Record<string, z.core.$ZodType>;
  element?: z.core.$ZodType;
  valueType?: z.core.$ZodType;
  innerType?: z.core.$ZodType;
  options?: readonly z.core.$ZodType[];
}>;

function alternatives(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { innerType, options } = (schema._zod as unknown as { def: Definition }).def;
  if (innerType !== undefined) return alternatives(innerType);
  return options === undefined ? [schema] : options.flatMap(alternatives);
}

function shapeOf(schema: z.core.$ZodType): Record<string, z.core.$ZodType> {
  return (schema._zod as unknown as { def: Definition }).def.shape ?? {};
}

/** A mistake in a scenario file, with its position. */
export type Mistake = Readonly<{
  file: string;
  /** From 1. */
  line: number;
  column: number;
  message: string;
  /** Null if the message suffices. */
  hint: string | null;
}>;

/** `file:line:column: what is wrong`, and what was meant. */
export function mistakeText({ file, line, column, message, hint }: Mistake): string {
  const reason = `${visible(file)}:${line}:${column}: ${visible(message)}`;
  return `${reason}${hint === null ? '' : `\n  hint: ${visible(hint)}`}\n`;
}
