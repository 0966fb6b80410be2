/** The frame of every page. Only its own scripts and style take effect, whatever else found its way into it. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../../errors.ts';
import { type Content, html, Markup } from './markup.ts';

export type Frame = Readonly<{
  title: string;
  style: string;
  scripts: readonly string[];
  /**
   * Directives of the Content-Security-Policy besides those for scripts and style (W3C CSP 3). What is not named is not
   * allowed.
   */
  allowed: Readonly<Record<string, string>>;
  /** Text of the link to `#content`. */
  skip: string;
  /** Additions to the head; null: none. */
  head?: Markup | null;
  body: Content;
  footer: Content;
  /** Placed between the page and its scripts; null: nothing. */
  data?: Markup | null;
}>;

export function framedPage({
  title,
  style,
  scripts,
  allowed,
  skip,
  head = null,
  body,
  footer,
  data = null,
}: Frame): string {
  return `<!doctype html>\n${
    html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyOf({ scripts, style, allowed })}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
${head}<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<a class="skip" href="#content">${skip}</a>
<div class="page">
${body}
<footer>${footer}</footer>
</div>
${data}${scripts.map(
  (text) => html`<script>${new Markup(text)}</script>
`,
)}</body>
</html>
`.text
  }`;
}

function policyOf({ scripts, style, allowed }: Pick<Frame, 'scripts' | 'style' | 'allowed'>): string {
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const directives = {
    'default-src': "'none'",
    'script-src': scripts.length === 0 ? "'none'" : scripts.map(hash).join(' '),
    'style-src': hash(style),
    'base-uri': "'none'",
    'form-action': "'none'",
    ...allowed,
  };
  return Object.entries(directives)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}

/** The script that every page brings along (or another, by its `name`), as the build made it. @throws SetupError `not-built`. */
export function pageScript(packageFolder: string, name = 'report-page.js'): string {
  const file = join(packageFolder, 'dist', name);
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SetupError('not-built', `${file} is missing`, 'run npm ci in the folder of kmem-run', { cause });
  }
}
