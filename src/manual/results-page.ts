/**
 * docs/reference/results.md, generated from the schema: every key with its type, unit, meaning, and what null means.
 */

import { z } from 'zod';
import { definitions } from '../result/definition.ts';
import { resultSchema } from '../result/schema.ts';
import { markdownParagraph, markdownTable } from '../text/markdown-table.ts';

type Node = z.core.JSONSchema.BaseSchema;
type Entry = Readonly<{ path: string; node: Node }>;

const head = `# The result of a run

<!-- Made by \`node bin/make-docs.js\` from src/result/schema*.ts. Change it there. -->

\`--json FILE\` writes this result, and the library's \`run()\` returns it. \`kmem-run schema\` prints
its JSON Schema.

* Bytes are integers. Times are milliseconds (\`ms\`) on the monotonic clock, from exec of the
  command.
* Every key is always present. A figure that could not be read is \`null\`, and so is a limit that is
  unlimited or was not requested: never 0, and never the kernel's 9223372036854771712.
* A byte that is not UTF-8 (in an argument, a variable, a path or captured output) is a lone
  surrogate, U+DC00 plus the byte: \`0xff\` is written as \`"\\udcff"\`. In Python,
  \`os.fsencode()\` converts it back to the byte, as \`kmem-run replay\` does. Reports show it as
  \`\\xff\`.
* Within a schema version, keys are only ever added. Ignore keys that you do not know.
* \`name[]\` is a list; \`name.*\` is an object with arbitrary keys.
`;

/** The whole page. Throws an Error for a key without a definition: the page must have no gaps. */
export function resultsPage(): string {
  const root = z.toJSONSchema(resultSchema, { metadata: definitions });
  const sections = children({ path: '', node: root }).map((entry) => ({ entry, inner: descendants(entry) }));
  const simple = sections.filter(({ inner }) => inner.length === 0).map(({ entry }) => entry);
  const structured = sections.filter(({ inner }) => inner.length > 0);
  return [
    head,
    `## Overview\n\n${table([...sections.map(({ entry }) => entry)], new Set(simple.map(({ path }) => path)))}`,
    ...structured.map(
      ({ entry, inner }) =>
        `## \`${entry.path}\`\n\n${markdownParagraph(text(entry, 'description'))}\n\n${table(inner, null)}`,
    ),
  ].join('\n');
}

/** `plain`: the entries without a section of their own; null: links to no section. */
function table(entries: readonly Entry[], plain: ReadonlySet<string> | null): string {
  const rows = entries.map((entry) => {
    const { path, node } = entry;
    const name =
      plain === null || plain.has(path)
        ? `\`${path}\``
        : `[\`${path}\`](#${path.replace(/[^a-z0-9]/gi, '').toLowerCase()})`;
    return [name, typeOf(node), text(entry, 'unit'), text(entry, 'description'), text(entry, 'whenNull')];
  });
  return markdownTable(['key', 'type', 'unit', 'meaning', 'when null'], rows);
}

function descendants(entry: Entry): Entry[] {
  return children(entry).flatMap((child) => [child, ...descendants(child)]);
}

/** The keys directly below an object, or below the items of a list; a key of several alternatives is listed once. */
function children({ path, node }: Entry): Entry[] {
  const inner = withoutNull(node).flatMap((option) => {
    const { items } = option;
    return items === undefined ? [{ path, node: option }] : [{ path: `${path}[]`, node: items as Node }];
  });
  const found = inner.flatMap((at) =>
    withoutNull(at.node).flatMap(({ properties = {} }) =>
      Object.entries(properties).map(([name, child]) => ({
        path: at.path === '' ? name : `${at.path}.${name}`,
        node: child as Node,
      })),
    ),
  );
  return [...Map.groupBy(found, (entry) => entry.path).values()].flatMap(merged);
}

function merged(entries: readonly Entry[]): Entry[] {
  const [first] = entries;
  if (first === undefined || entries.length === 1) return [...entries];
  const nodes = entries.map(({ node }) => node);
  const whenNull = nodes.map((node) => node.whenNull).find((words) => words !== undefined);
  return [{ path: first.path, node: { ...first.node, whenNull, anyOf: nodes } as Node }];
}

function typeOf(node: Node): string {
  const types = withoutNull(node).map((option) => {
    const { type, items, properties, additionalProperties } = option;
    if (option.const !== undefined) return `\`${option.const}\``;
    if (option.enum !== undefined) return option.enum.map((value) => `\`${value}\``).join(' ');
    if (items !== undefined) return `list of ${plural(typeOf(items as Node))}`;
    if (properties !== undefined) return 'object';
    if (typeof additionalProperties === 'object') return `object of ${plural(typeOf(additionalProperties as Node))}`;
    return String(type);
  });
  return [...new Set(types), ...(isNullable(node) ? ['null'] : [])].join(' or ');
}

function plural(type: string): string {
  return `${type}s`;
}

/** The alternatives of a node: zod writes nullable as `anyOf` or as a list of types. */
function withoutNull(node: Node): Node[] {
  const types = Array.isArray(node.type) ? node.type : [node.type];
  const options =
    node.anyOf === undefined
      ? types.map((type) => ({ ...node, type }) as Node)
      : (node.anyOf as Node[]).flatMap((option) => withoutNull(option));
  return options.filter(({ type }) => type !== 'null');
}

function isNullable(node: Node): boolean {
  const types = Array.isArray(node.type) ? node.type : [node.type];
  return types.includes('null') || (node.anyOf ?? []).some((option) => isNullable(option as Node));
}

function text({ path, node }: Entry, key: 'description' | 'unit' | 'whenNull'): string {
  const value = node[key];
  if (typeof value === 'string') return value;
  if (key === 'description') throw new Error(`internal error: ${path} of the result has no definition`);
  if (key === 'whenNull' && isNullable(node))
    throw new Error(`internal error: ${path} of the result does not say what null means`);
  return '';
}
