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

# Whether the line is one of this action of this command.
function __kmem_run_action
    set -l words (commandline -opc)
    __kmem_run_in $argv[1]; and test "$words[3]" = $argv[2]
end

# After -- it is the command's own line.
function __kmem_run_rest
    complete -C (commandline -cp | string replace -r '^.*? -- +' '')
end

# What only kmem-run can list.
function __kmem_run_ask
    set -l program (commandline -opc)[1]
    set -q __kmem_run_npx; and set program npx --no kmem-run
    $program complete $argv[1] 2>/dev/null </dev/null
end

function __kmem_run_is_npx
    set -l words (commandline -opc)
    test "$words[2]" = kmem-run
end

function __kmem_run_in_npx
    set -g __kmem_run_npx
    complete -C (commandline -cp | string replace -r '^.*?npx +' '')
    set -e __kmem_run_npx
end

complete -c kmem-run -f
complete -c npx -n __kmem_run_is_npx -x -a '(__kmem_run_in_npx)'
complete -c kmem-run -n __kmem_run_after -a '(__kmem_run_rest)'
${pages.map(({ name, about }) => `complete -c kmem-run -n __kmem_run_first -a ${name} -d ${quoted(about)}`).join('\n')}
${pages.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ name, options, actions = {}, takes = null }: CommandPage): string[] {
  const when = (condition: string) => `complete -c kmem-run -n '${condition}'`;
  const within = when(`__kmem_run_in ${name}`);
  return [
    ...Object.entries(actions).flatMap(([action, own]) => [
      `${when(`__kmem_run_second ${name}`)} -a ${action} -d ${quoted(own.about)}`,
      ...(own.takes === null ? [] : [`${when(`__kmem_run_action ${name} ${action}`)}${choicesText(own.takes)}`]),
    ]),
    ...(takes === null ? [] : [`${within}${choicesText(takes)}`]),
    ...options.map((option) => `${within} -l ${option.name}${valueText(option)} -d ${quoted(option.about)}`),
    `${within} -s h -l help -d 'describe this command'`,
  ];
}

function valueText({ completes }: PageOption): string {
  if (completes === null) return '';
  return ` ${completionOf(completes).files ? '-r' : '-x'}${choicesText(completes)}`;
}

function choicesText(takes: string): string {
  const { words, kinds, files, folders, commands, users, variables } = completionOf(takes);
  const choices = [
    ...words,
    ...kinds.map((kind) => `(__kmem_run_ask ${kind})`),
    ...(folders && !files ? ['(__fish_complete_directories (commandline -ct))'] : []),
    ...(commands ? ['(__fish_complete_command)'] : []),
    ...(users ? ['(__fish_complete_users)'] : []),
    ...(variables ? ['(set -xn)'] : []),
  ];
  return `${files ? ' -F' : ''}${choices.length === 0 ? '' : ` -a ${quoted(choices.join(' '))}`}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
