import { aboutOption, type CommandPage, type PageOption } from './page.ts';

export type ManPage = Readonly<{ file: string; text: string }>;

/** A page for each command, in roff for groff -man and mandoc, in ASCII. The page of `run` is kmem-run.1. */
export function manPages(pages: readonly CommandPage[], version: string): ManPage[] {
  return pages.map((page) => ({
    file: `${nameOf(page)}.1`,
    text: [
      '.\\" Made by bin/make-docs.js from what --help is made of.',
      `.TH ${roff(nameOf(page).toUpperCase())} 1 "" "kmem\\-run ${version}" "User Commands"`,
      '.SH NAME',
      `${roff(nameOf(page))} \\- ${roff(page.name === 'run' ? SUMMARY : page.about)}`,
      '.SH SYNOPSIS',
      ...synopsis(page),
      '.SH DESCRIPTION',
      // A heading begins a paragraph.
      ...page.text.flatMap(paragraph).slice(1),
      ...(page.name === 'run' ? [...paragraph(INTRODUCTION), ...listOfCommands(pages)] : []),
      ...section(
        'ACTIONS',
        Object.entries(page.actions ?? {}).flatMap(([name, { about }]) => row(bold(name), about)),
      ),
      ...section('OPTIONS', groupsOf(page.options)),
      ...section(
        'EXIT STATUS',
        page.status.flatMap(([status, meaning]) => row(bold(status), meaning)),
      ),
      ...section(
        'EXAMPLES',
        (page.examples ?? []).flatMap((line, index) => [...(index > 0 ? ['.PP'] : []), roff(line)]),
      ),
      '.SH SEE ALSO',
      `${seeAlso(page).join(',\n')}`,
      '',
    ].join('\n'),
  }));
}

const SUMMARY = 'run a command under a kernel-memory limit and name every allocation that failed';

const INTRODUCTION =
  'The command runs in its own control group, which is removed when the run ends. A system call that allocates kernel memory fails if the group is over the limit of --kmem. The report names the call. kmem-run reports the behaviour of the command as a result, never as a kmem-run error.';

function nameOf({ name }: CommandPage): string {
  return name === 'run' ? 'kmem-run' : `kmem-run-${name}`;
}

function synopsis({ name, synopsis: lines }: CommandPage): string[] {
  const all =
    name === 'run' ? [...lines, 'kmem-run COMMAND [options]', 'kmem-run -h | --help | -V | --version'] : lines;
  return all.flatMap((line, index) => {
    const [program = '', ...rest] = line.split(' ');
    return [...(index === 0 ? [] : ['.br']), `${bold(program)} ${roff(rest.join(' '))}`.trimEnd()];
  });
}

function listOfCommands(pages: readonly CommandPage[]): string[] {
  const groups = [...Map.groupBy(pages, ({ group }) => group)];
  return section(
    'COMMANDS',
    groups.flatMap(([group, own]) => [heading(group), ...own.flatMap(({ name, about }) => row(bold(name), about))]),
  );
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
}

function groupsOf(options: readonly PageOption[]): string[] {
  return [...Map.groupBy(options, ({ group }) => group)].flatMap(([group, own]) => [
    ...(group === 'Options:' ? [] : [heading(group)]),
    ...own.flatMap((option) => {
      const { name, takes } = option;
      return row(`${bold(`--${name}`)}${takes === null ? '' : ` \\fI${roff(takes)}\\fR`}`, aboutOption(option));
    }),
  ]);
}

function seeAlso(page: CommandPage): string[] {
  return page.name === 'run'
    ? ['\\fBkmem\\-run\\-help\\fR(1)', '\\fBcgroups\\fR(7)', '\\fBseccomp\\fR(2)', '\\fBsystemd\\-run\\fR(1)']
    : ['\\fBkmem\\-run\\fR(1)'];
}

function heading(group: string): string {
  return `.SS ${roff(group.replace(/:$/, ''))}`;
}

function row(term: string, about: string): string[] {
  return ['.TP', term, roff(about)];
}

function bold(text: string): string {
  return `\\fB${roff(text)}\\fR`;
}

function paragraph(text: string): string[] {
  return ['.PP', roff(text)];
}

/** Escapes what roff would interpret, and what is not ASCII. */
function roff(text: string): string {
  const plain = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll('–', '\\(en')
    .replaceAll('"', '\\(dq')
    .replaceAll('`', '\\(ga')
    .replaceAll("'", '\\(aq');
  return /^[.]/.test(plain) ? `\\&${plain}` : plain;
}
