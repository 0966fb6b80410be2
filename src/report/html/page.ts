import type { ReportDocument } from '../../scenario/documents.ts';
import { cut } from '../../text/visible.ts';
import { DATA_ID, type Gathering, makeGathering } from './data.ts';
import { framedPage } from './frame.ts';
import { embeddedJson, html, type Markup, type Section } from './markup.ts';
import { bisectSection } from './sections/bisect.ts';
import { compareSection } from './sections/compare.ts';
import { exploreSection } from './sections/explore.ts';
import { fidelitySection } from './sections/fidelity.ts';
import { runSection } from './sections/run.ts';
import { scenariosSection } from './sections/scenarios.ts';
import { sweepSection } from './sections/sweep.ts';
import { style } from './style.ts';

export type PageOptions = Readonly<{
  /** The page's own script, as built (pageScript() reads it). */
  script: string;
  /** Null: from its content. */
  title?: string | null;
  /** Version of kmem-run that writes it. */
  version: string;
  /** ISO 8601; null: not shown. */
  madeAt?: string | null;
  /** Above everything else, such as a link back to a list; null: nothing. */
  before?: Markup | null;
  /** Another script's text, run after the page's own; its hash goes into the policy. Null: none. */
  more?: Readonly<{ script: string; connect: string }> | null;
}>;

export function reportPage(documents: readonly ReportDocument[], options: PageOptions): string {
  const gathering = makeGathering();
  const sections = documents.map((document, index) => sectionOf(document, `d${index + 1}`, gathering));
  const title = options.title ?? titleOf(sections);
  const { script, more = null, before = null, version, madeAt = null } = options;
  return framedPage({
    title,
    style,
    scripts: [script, ...(more === null ? [] : [more.script])],
    allowed: { 'img-src': 'data: blob:', ...(more === null ? {} : { 'connect-src': more.connect }) },
    skip: 'Skip to the report',
    body: html`<header class="top"><h1>${options.title ?? 'kmem-run report'}</h1>${before}</header>
${sections.length > 1 ? contents(sections) : null}
<main id="content">
${sections.map(
  ({ title: name, body }, index) => html`<article id="d${index + 1}" aria-label="${name}">
${body}</article>
`,
)}</main>`,
    footer: html`Made by kmem-run ${version}${madeAt === null ? null : html` at <time datetime="${madeAt}">${madeAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time>`}. This page is a single file and loads nothing.`,
    data: html`<script type="application/json" id="${DATA_ID}">${embeddedJson(gathering.data())}</script>
`,
  });
}

function contents(sections: readonly Section[]): Markup {
  const items = sections.map(({ title }, index) => html`<li><a href="#d${index + 1}">${title}</a></li>`);
  return html`<nav class="contents" aria-label="Contents"><ol>${items}</ol></nav>`;
}

function titleOf(sections: readonly Section[]): string {
  const [first] = sections;
  if (first === undefined) return 'kmem-run report: nothing was given';
  return sections.length === 1 ? `kmem-run: ${first.title}` : `kmem-run: ${sections.length} reports`;
}

function sectionOf(document: ReportDocument, prefix: string, gathering: Gathering): Section {
  const section = bodyOf(document, prefix, gathering);
  return { ...section, title: cut(section.title, 120) };
}

function bodyOf(document: ReportDocument, prefix: string, gathering: Gathering): Section {
  switch (document.kind) {
    case 'run':
      return runSection(document.result, prefix, gathering);
    case 'compare':
      return compareSection(document, prefix, gathering);
    case 'scenarios':
      return scenariosSection(document.report, prefix, gathering);
    case 'experiment':
      return experimentSection(document.report, prefix, gathering);
  }
}

type Experiment = Extract<ReportDocument, { kind: 'experiment' }>['report'];

function experimentSection(report: Experiment, prefix: string, gathering: Gathering): Section {
  switch (report.kind) {
    case 'sweep':
      return sweepSection(report, prefix, gathering);
    case 'bisect':
      return bisectSection(report, prefix, gathering);
    case 'explore':
      return exploreSection(report, prefix, gathering);
    case 'fidelity':
      return fidelitySection(report);
  }
}
