import { visible } from '../../text/visible.ts';

/** Only `html` creates these: plain text is escaped wherever it is inserted. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Content = Markup | string | number | null | readonly Content[];

/** Texts are made visible (controls, bidi overrides) and escaped; null yields nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(
    parts.map((part, index) => part + (index < values.length ? textOf(values[index] ?? null) : '')).join(''),
  );
}

/** Output of a program: its line ends are preserved. */
export function lines(text: string): Markup {
  return new Markup(
    text
      .split('\n')
      .map((line) => escapeMarkup(visible(line)))
      .join('\n'),
  );
}

function textOf(value: Content): string {
  if (value === null) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(textOf).join('');
  return escapeMarkup(visible(String(value)));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** JSON that remains data in a script element, whatever it contains, in every browser. */
export function embeddedJson(value: unknown): Markup {
  return new Markup(
    JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** The title of a document and its content. */
export type Section = Readonly<{ title: string; body: Content }>;
