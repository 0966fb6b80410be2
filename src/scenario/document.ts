/** A YAML text as values, with the position of each value in the text. Loads the YAML parser. */

import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';

import type { Path } from '../request/expect-key.ts';

export type Position = Readonly<{ line: number; column: number }>;

export type Parsed = Readonly<{
  /** Undefined if the text cannot be read. */
  value: unknown;
  errors: readonly Readonly<{ place: Position; message: string }>[];
  /** Position of the nearest existing value on the path. */
  placeOf: (path: Path) => Position;
  /** Position of a key itself. */
  placeOfKey: (path: Path, key: string) => Position;
}>;

/** Aliases that expand to more than that are a mistake, or a bomb. */
const MOST_ALIASES = 1000;
/** Nested lists and maps; the parser itself gives up some hundreds of levels later. */
const MOST_LEVELS = 100;
const TOO_DEEP = `nested more than ${MOST_LEVELS} levels deep`;

/** With the schema `failsafe` each value is a text, as written. */
export function parseYaml(text: string, { schema = 'core' }: { schema?: 'core' | 'failsafe' } = {}): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, schema });
  const placeAt = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const start = (node: Node | null | undefined): number => node?.range?.[0] ?? 0;
  const errors = errorsOf(document).map(({ pos, message }) => ({ place: placeAt(pos[0]), message: oneLine(message) }));
  const refuse = (node: Node | null, message: string): void =>
    void errors.push({ place: placeAt(start(node)), message });
  if (errors.length === 0)
    visit(document, {
      Alias: (_, alias, path) => {
        const named = alias.resolve(document);
        if (named !== undefined && path.includes(named)) refuse(alias, 'an alias is inside the node that it refers to');
      },
      Collection: (_, collection, path) => {
        if (path.filter((node) => isCollection(node)).length < MOST_LEVELS) return undefined;
        refuse(collection, TOO_DEEP);
        return visit.BREAK;
      },
      Pair: (_, { key }) => {
        if (isMap(key) || isSeq(key)) refuse(key, 'a key is a string, not a list or a map');
      },
    });
  let value: unknown;
  if (errors.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: MOST_ALIASES });
    } catch (error) {
      // Aliases without an anchor, and too many of them.
      errors.push({ place: placeAt(start(document.contents)), message: oneLine((error as Error).message) });
    }
  }
  return {
    value,
    errors,
    placeOf: (path) => placeAt(start(nodeAt(document, path).node)),
    placeOfKey: (path, key) => {
      const { node } = nodeAt(document, path);
      const pair = isMap(node) ? node.items.find((item) => keyOf(item.key) === key) : undefined;
      return placeAt(start((pair?.key as Node | undefined) ?? node));
    },
  };
}

/** A text nested too deep for the parser is one mistake, not a stack overflow at each level. */
function errorsOf({ errors }: Document): readonly Pick<Document['errors'][number], 'pos' | 'message'>[] {
  const overflow = errors.find(({ message }) => /Maximum call stack size|Stack overflow/.test(message));
  return overflow === undefined ? errors : [{ pos: overflow.pos, message: TOO_DEEP }];
}

/** The node at a path, or the last node before the path leads nowhere. */
function nodeAt(document: Document, path: Path): { node: Node | null } {
  let node = resolved(document, document.contents);
  for (const segment of path) {
    const next = childOf(node, segment);
    if (next === undefined) break;
    node = resolved(document, next);
  }
  return { node };
}

function childOf(node: Node | null, segment: string | number): Node | undefined {
  if (isSeq(node)) return node.items[Number(segment)] as Node | undefined;
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => keyOf(key) === String(segment));
  // If there is no value, the key's position is used.
  return ((pair?.value ?? pair?.key) as Node | null | undefined) ?? undefined;
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function resolved(document: Document, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? node) : node;
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim();
}
