import { type CommandPage, type Completion, completionOf, type PageOption, runsCommand } from './page.ts';

/** A file for `source`, or for the folder of completions. */
export function bashCompletion(pages: readonly CommandPage[]): string {
  return `# bash completion for kmem-run, made by: kmem-run completion bash
_kmem_run() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=run at word
  local -i start=0 position
  local -a program=("\${COMP_WORDS[0]}")
  COMPREPLY=()

  if [[ \${COMP_WORDS[0]} == npx ]]; then
    [[ \${COMP_WORDS[1]} == kmem-run ]] && ((COMP_CWORD > 1)) || return
    start=1 program=(npx --no kmem-run)
  fi
  position=$((COMP_CWORD - start))

  # After -- it is the command's own line.
  for ((at = start + 1; at < COMP_CWORD; at++)); do
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

  word=\${COMP_WORDS[start+1]}
  if ((position > 1)); then
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

  if ((position == 1)); then
    COMPREPLY=($(compgen -W "${pages.map(({ name }) => name).join(' ')} --" -- "$cur"))
    return
  fi

  case $command in
${pages.flatMap(argumentCases).join('\n')}
  esac
}

# Names with blanks stay one word each.
_kmem_run_reply() {
  local line
  compopt -o filenames
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "\${@:2}" -- "$1")
}

# What only kmem-run can list.
_kmem_run_ask() {
  local line
  while IFS= read -r line; do
    line=\${line%%$'\\t'*}
    [[ $line != "$1"* ]] || COMPREPLY+=("$line")
  done < <("\${program[@]}" complete "$2" 2>/dev/null </dev/null)
}

complete -F _kmem_run kmem-run
complete -o default -F _kmem_run npx
`;
}

function optionWords(options: readonly PageOption[]): string {
  return [...options.map(({ name }) => `--${name}`), '--help'].join(' ');
}

function valueCases({ name: command, options }: CommandPage): string[] {
  return options
    .filter(({ takes }) => takes !== null)
    .map(({ name, completes }) => `    ${command}:--${name}) ${replies(completionOf(completes))}return ;;`);
}

function argumentCases(page: CommandPage): string[] {
  const { name, actions, takes = null } = page;
  const reply = runsCommand(page) ? 'COMPREPLY=($(compgen -W "--" -- "$cur")); ' : replies(completionOf(takes));
  if (actions === undefined) return reply === '' ? [] : [`    ${name}) ${reply};;`];
  return [
    `    ${name})`,
    '      if ((position == 2)); then',
    `        COMPREPLY=($(compgen -W "${Object.keys(actions).join(' ')}" -- "$cur"))`,
    '        return',
    '      fi',
    '      case ${COMP_WORDS[start+2]} in',
    ...Object.entries(actions).map(([action, own]) => `        ${action}) ${replies(completionOf(own.takes))};;`),
    '      esac ;;',
  ];
}

function replies({ words, kinds, files, folders, commands, users, variables }: Completion): string {
  return [
    ...(words.length > 0 ? [`COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$cur"))`] : []),
    ...kinds.map((kind) => `_kmem_run_ask "$cur" ${kind}`),
    ...(files ? ['_kmem_run_reply "$cur" -f'] : []),
    ...(folders && !files ? ['_kmem_run_reply "$cur" -d'] : []),
    ...(commands ? ['_kmem_run_reply "$cur" -c'] : []),
    ...(users ? ['_kmem_run_reply "$cur" -u'] : []),
    ...(variables ? ['_kmem_run_reply "$cur" -e'] : []),
  ]
    .map((reply) => `${reply}; `)
    .join('');
}
