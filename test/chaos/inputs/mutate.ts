/** Damage to documents, texts and bytes. */

import type { Draw } from '../draw.ts';

/** Values that nobody expects. */
const HOSTILE: readonly unknown[] = [
  ...[null, true, -1, 0, 1e308, -0.5, 2 ** 53, '', '\0', '\x1b[2J\x1b]0;x\x07', 'a'.repeat(100_000)],
  ...['<script>alert(1)</script>', ']]>', '\ud800', '__proto__', 'constructor', '../../../../etc/passwd', '/dev/zero'],
  ...['$(touch pwned)', '`id`', 'NaN', [], {}, [[[[]]]], '9'.repeat(400), '1e999', '\u202e\u2028'],
];
const HOSTILE_KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'x'.repeat(50), '\x1b[31m'];

const OWN = { enumerable: true, configurable: true, writable: true };

type Container = Record<string, unknown> | unknown[];

/** A copy with `count` places changed. */
export function damageDocument(document: unknown, count: number, draw: Draw): unknown {
  let damaged = structuredClone(document);
  for (let done = 0; done < count; done += 1) damaged = damageOnce(damaged, draw);
  return damaged;
}

function damageOnce(document: unknown, draw: Draw): unknown {
  let holder: Container | null = null;
  let key = '';
  for (let at = document; isContainer(at) && (holder === null || draw.below(4) > 0); ) {
    holder = at;
    key = draw.pick(Object.keys(at));
    at = (at as Record<string, unknown>)[key];
  }
  if (holder === null) return draw.pick(HOSTILE);
  damageAt(holder as Record<string, unknown>, key, draw);
  return document;
}

function damageAt(holder: Record<string, unknown>, key: string, draw: Draw): void {
  const value = holder[key];
  const way = draw.below(10);
  if (way < 5) holder[key] = draw.pick(HOSTILE);
  else if (way < 7) delete holder[key];
  else if (way < 9 && Array.isArray(holder)) holder.push(...Array.from({ length: 50 }, () => value));
  // As JSON.parse() creates it: an own key, whatever its name.
  else if (way < 9) Object.defineProperty(holder, draw.pick(HOSTILE_KEYS), { ...OWN, value: draw.pick(HOSTILE) });
  else holder[key] = [value];
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

const INSERTED = [
  ...[
    '\0',
    '{',
    '[',
    ']',
    '}',
    ': ',
    '- ',
    '"',
    "'",
    '&a ',
    '*a',
    '!!js/function ',
    '<<: *a',
    '\t',
    '%',
    '---\n',
    '...',
  ],
  ...['|\n', '? ', '💩', '1e999', 'null', '${', '${dir', '__proto__: {x: 1}\n'],
].map((text) => Buffer.from(text));

/** Bytes deleted, inserted, changed, cut off or repeated, `count` times. */
export function damageText(text: string | Buffer, count: number, draw: Draw): Buffer {
  let bytes: Buffer = Buffer.from(text);
  for (let done = 0; done < count; done += 1) {
    const at = draw.below(bytes.length + 1);
    const way = draw.below(10);
    if (way < 3) bytes = spliced(bytes, at, 1 + draw.below(30), Buffer.alloc(0));
    else if (way < 6) bytes = spliced(bytes, at, 0, draw.pick(INSERTED));
    else if (way < 8 && bytes.length > 0) bytes[draw.below(bytes.length)] = draw.below(256);
    else if (way < 9) bytes = bytes.subarray(0, at);
    else bytes = spliced(bytes, at, 0, bytes.subarray(draw.below(bytes.length + 1)).subarray(0, draw.below(200)));
  }
  return bytes;
}

export function spliced(bytes: Buffer, at: number, removed: number, inserted: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
}
