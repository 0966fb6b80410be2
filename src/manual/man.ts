import type { CommandPage, PageOption } from './page.ts';

/** Roff for groff -man and mandoc, in ASCII. `pages`: `run` first, which needs no word. */
export function manPage(pages: readonly CommandPage[], version: string): string {
  const [run, ...others] = pages;
  if (run === undefined) throw new Error('there is no command');
  const known = new Set(run.options.map(keyOf));
  return [
    '.\\" Made by bin/make-docs.js from what --help is made of.',
    `.TH KMEM\\-RUN 1 "" "kmem\\-run ${version}" "User Commands"`,
    '.SH NAME',
    'kmem\\-run \\- run a command under a kernel\\-memory limit and name every allocation that failed',
    '.SH SYNOPSIS',
    ...run.synopsis.flatMap(synopsisLines),
    '.br',
    '\\fBkmem\\-run\\fR \\fIcommand\\fR [\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    // A heading begins a paragraph.
    ...run.text.flatMap(paragraph).slice(1),
    ...INTRODUCTION.flatMap(paragraph),
    '.SH COMMANDS',
    ...pages.flatMap(({ name, about }) => ['.TP', `\\fB${roff(name)}\\fR`, roff(about)]),
    '.SH OPTIONS',
    ...groupsOf(run.options),
    ...others.flatMap((page) => section(page, known)),
    '.SH EXIT STATUS',
    'Of a run:',
    ...STATUS.flatMap(([status, meaning]) => ['.TP', `\\fB${roff(status)}\\fR`, roff(meaning)]),
    '.SH SEE ALSO',
    '\\fBcgroups\\fR(7), \\fBseccomp\\fR(2), \\fBsystemd\\-run\\fR(1); the folder \\fIdocs\\fR of the package has a page for each command.',
    '',
  ].join('\n');
}

const INTRODUCTION = [
  'The command runs in a control group of its own, which is removed at the end. A system call that allocates kernel memory fails while the group is over the limit of --kmem, and the report names it. What the command does is a result, never an error of kmem-run.',
  'Sizes are bytes, or a number with K, M, G or T (powers of 1024). Durations are seconds, or a number with ms, s, m, h or d.',
];

const STATUS = [
  ['0', 'every step exited with 0; with --expect: all expectations hold'],
  ['1-255', 'that of the first step that did not exit with 0; 128+n: it died of signal n'],
  ['122', 'an expectation does not hold'],
  ['123', 'the OOM killer ended a process of the group, and the command exited 0'],
  ['124', '--timeout passed'],
  ['125', 'kmem-run could not do its work'],
  ['126', 'the command cannot be executed, or the limit itself kept it from starting'],
  ['127', 'the command was not found'],
  ['129, 130, 131, 143', 'kmem-run was interrupted by SIGHUP, SIGINT, SIGQUIT, SIGTERM'],
] as const;

function keyOf({ name, takes, about }: PageOption): string {
  return JSON.stringify([name, takes, about]);
}

/** `known`: options that are as those of run. */
function section(page: CommandPage, known: ReadonlySet<string>): string[] {
  const isGrouped = page.options.some(({ group }) => group !== null);
  const own = isGrouped ? page.options.filter((option) => !known.has(keyOf(option))) : [];
  return [
    `.SH KMEM\\-RUN ${roff(page.name.toUpperCase())}`,
    ...page.synopsis.flatMap((line, index) => [...(index === 0 ? [] : ['.br']), ...synopsisLines(line)]),
    ...page.text.flatMap(paragraph),
    ...(own.length === 0 ? [] : [...groupsOf(own), '.PP', 'Most options of a run may be given too.']),
    ...page.epilogue.flatMap(paragraph),
  ];
}

function groupsOf(options: readonly PageOption[]): string[] {
  return [...Map.groupBy(options, ({ group }) => group)].flatMap(([group, own]) => [
    ...(group === null ? [] : [`.SS ${roff(group.replace(/:$/, ''))}`]),
    ...own.flatMap(({ name, takes, about }) => [
      '.TP',
      `\\fB\\-\\-${roff(name)}\\fR${takes === null ? '' : ` \\fI${roff(takes)}\\fR`}`,
      roff(about),
    ]),
  ]);
}

function synopsisLines(line: string): string[] {
  return [`\\fB${roff(line.split(' ')[0] ?? '')}\\fR${roff(line.replace(/^\S+/, ''))}`];
}

/** Columns stay as they are; all else is filled. */
function paragraph(text: string): string[] {
  const lines = text.split('\n');
  const isTable = lines.some((line) => /^ |: {2,}/.test(line));
  return isTable ? ['.PP', '.nf', ...lines.map(roff), '.fi'] : ['.PP', ...lines.map(roff)];
}

/** What roff would take for its own, and what is not ASCII. */
function roff(text: string): string {
  const plain = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll('–', '\\(en')
    .replaceAll('"', '\\(dq')
    .replaceAll("'", '\\(aq');
  return /^[.]/.test(plain) ? `\\&${plain}` : plain;
}
