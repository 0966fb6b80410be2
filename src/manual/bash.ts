import { type CommandPage, type Completion, completionOf, type PageOption } from './page.ts';

/** A file for `source`, or for the folder of completions. */
export function bashCompletion(pages: readonly CommandPage[]): string {
  return `# bash completion for kmem-run, made by: kmem-run completion bash
_kmem_run() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=run at word
  COMPREPLY=()

  # After -- it is the command's own line.
  for ((at = 1; at < COMP_CWORD; at++)); do
    if [[ \${COMP_WORDS[at]} == -- ]]; then
      if ((at + 1 == COMP_CWORD)); then
        compopt -o filenames
        COMPREPLY=($(compgen -c -- "$cur"))
      elif declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset $((at + 1))
      elif declare -F _command_offset >/dev/null; then
        _command_offset $((at + 1))
      else
        _kmem_run_reply "$cur" -f
      fi
      return
    fi
  done

  # The shell takes --option=value apart.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi

  word=\${COMP_WORDS[1]}
  if ((COMP_CWORD > 1)); then
    case $word in
      ${pages.map(({ name }) => name).join('|')}) command=$word ;;
    esac
  fi

  case $command:$prev in
${pages.flatMap(valueCases).join('\n')}
  esac

  if [[ $cur == -* ]]; then
    case $command in
${pages.map(({ name, options }) => `      ${name}) COMPREPLY=($(compgen -W "${optionWords(options)}" -- "$cur")) ;;`).join('\n')}
    esac
    return
  fi

  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${pages.map(({ name }) => name).join(' ')} --" -- "$cur"))
    return
  fi

  case $command in
${pages.map(wordCase).join('\n')}
  esac
}

# Names with blanks stay one word each.
_kmem_run_reply() {
  local line
  compopt -o filenames
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "\${@:2}" -- "$1")
}

complete -F _kmem_run kmem-run
`;
}

function optionWords(options: readonly PageOption[]): string {
  return [...options.map(({ name }) => `--${name}`), '--help'].join(' ');
}

function valueCases({ name: command, options }: CommandPage): string[] {
  return options
    .filter(({ takes }) => takes !== null)
    .map((option) => `    ${command}:--${option.name}) ${replies(completionOf(option))}return ;;`);
}

function wordCase({ name, words, runs }: CommandPage): string {
  if (words.length > 0)
    return `    ${name}) if ((COMP_CWORD == 2)); then COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$cur")); fi ;;`;
  return `    ${name}) ${runs ? 'COMPREPLY=($(compgen -W "--" -- "$cur"))' : ':'} ;;`;
}

function replies({ words, files, folders, commands, users, variables }: Completion): string {
  return [
    ...(words.length > 0 ? [`COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$cur"))`] : []),
    ...(files ? ['_kmem_run_reply "$cur" -f'] : []),
    ...(folders ? ['_kmem_run_reply "$cur" -d'] : []),
    ...(commands ? ['_kmem_run_reply "$cur" -c'] : []),
    ...(users ? ['_kmem_run_reply "$cur" -u'] : []),
    ...(variables ? ['_kmem_run_reply "$cur" -e'] : []),
  ]
    .map((reply) => `${reply}; `)
    .join('');
}
