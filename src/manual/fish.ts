import { type CommandPage, completionOf, type PageOption } from './page.ts';

export function fishCompletion(pages: readonly CommandPage[]): string {
  return `# fish completion for kmem-run, made by: kmem-run completion fish

function __kmem_run_after
    contains -- -- (commandline -opc)
end

# Whether the line is one of this command, and still before --.
function __kmem_run_in
    set -l words (commandline -opc)
    contains -- -- $words; and return 1
    set -l command run
    contains -- "$words[2]" ${pages.map(({ name }) => name).join(' ')}; and set command $words[2]
    test "$command" = $argv[1]
end

function __kmem_run_first
    test (count (commandline -opc)) -eq 1
end

function __kmem_run_second
    __kmem_run_in $argv[1]; and test (count (commandline -opc)) -eq 2
end

# After -- it is the command's own line.
function __kmem_run_rest
    complete -C (commandline -cp | string replace -r '^.*? -- +' '')
end

complete -c kmem-run -f
complete -c kmem-run -n __kmem_run_after -a '(__kmem_run_rest)'
${pages.map(({ name, about }) => `complete -c kmem-run -n __kmem_run_first -a ${name} -d ${quoted(about)}`).join('\n')}
${pages.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ name, options, words }: CommandPage): string[] {
  const within = `complete -c kmem-run -n '__kmem_run_in ${name}'`;
  const actions = `complete -c kmem-run -n '__kmem_run_second ${name}'`;
  return [
    ...(words.length > 0 ? [`${actions} -a ${quoted(words.join(' '))}`] : []),
    ...options.map((option) => `${within} -l ${option.name}${valueText(option)} -d ${quoted(option.about)}`),
    `${within} -l help -d 'say what it does'`,
  ];
}

function valueText(option: PageOption): string {
  if (option.takes === null) return '';
  const { words, files, folders, commands, users, variables } = completionOf(option);
  const choices = [
    ...words,
    ...(folders ? ['(__fish_complete_directories (commandline -ct))'] : []),
    ...(commands ? ['(__fish_complete_command)'] : []),
    ...(users ? ['(__fish_complete_users)'] : []),
    ...(variables ? ['(set -xn)'] : []),
  ];
  return ` ${files ? '-rF' : '-x'}${choices.length === 0 ? '' : ` -a ${quoted(choices.join(' '))}`}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
