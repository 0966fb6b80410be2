import { COMPLETED_KINDS, type CommandPage, completionOf, type PageOption, runsCommand } from './page.ts';

export function zshCompletion(pages: readonly CommandPage[]): string {
  return `#compdef kmem-run npx
# zsh completion for kmem-run, made by: kmem-run completion zsh

_kmem-run() {
  local command=run
  local -a program=($words[1])

  if [[ $service == npx ]]; then
    if [[ $words[2] != kmem-run ]] || ((CURRENT == 2)); then
      _default
      return
    fi
    program=(npx --no kmem-run)
    shift words
    ((CURRENT--))
  fi

  local -i at=\${words[(i)--]}

  # After -- it is the command's own line.
  if ((at < CURRENT)); then
    shift $at words
    ((CURRENT -= at))
    _normal
    return
  fi

  if ((CURRENT > 2)); then
    case $words[2] in
      (${pages.map(({ name }) => name).join('|')})
        # Then options stand where those of run do.
        command=$words[2]
        shift words
        ((CURRENT--))
        ;;
    esac
  elif [[ $words[2] != -* ]]; then
    local -a commands=(
${pages.map(({ name, about }) => `      ${quoted(`${name}:${about}`)}`).join('\n')}
      '--:the command to run comes next'
    )
    _describe command commands
    return
  fi

  case $command in
${pages.map(commandCase).join('\n')}
  esac
}

# Words, and what only kmem-run can list.
_kmem_run_any() {
  local each
  for each; do
    case $each in
      (files) _files ;;
      (folders) _files -/ ;;
      (${COMPLETED_KINDS.join('|')})
        local -a found=(\${(f)"$($program complete $each 2>/dev/null </dev/null)"})
        found=(\${found//:/\\\\:})
        found=(\${found/$'\\t'/:})
        _describe $each found
        ;;
      (*) compadd -- $each ;;
    esac
  done
}

# The argument of an action: its name, =, and what it takes.
_kmem_run_action() {
  local each
  for each; do
    if [[ \${each%%=*} == $words[2] ]]; then _kmem_run_any \${(s:,:)each#*=}; fi
  done
}

_kmem-run "$@"
`;
}

function commandCase(page: CommandPage): string {
  const specs = [...page.options.map(specOf), "'(- *)'{-h,--help}'[describe this command]'", ...argumentSpecs(page)];
  return `    (${page.name})
      _arguments \\
${specs.map((spec) => `        ${spec}`).join(' \\\n')}
      ;;`;
}

function argumentSpecs(page: CommandPage): string[] {
  const { actions, takes = null } = page;
  if (actions !== undefined) {
    const given = Object.entries(actions).map(([name, own]) => `${name}=${choicesOf(own.takes).join(',')}`);
    return [
      quoted(`1:action:(${Object.keys(actions).join(' ')})`),
      quoted(`*:argument: _kmem_run_action ${given.join(' ')}`),
    ];
  }
  if (runsCommand(page)) return [quoted('*: :(--)')];
  return [quoted(takes === null ? '*: : ' : `*:argument:${anyOf(takes)}`)];
}

function specOf(option: PageOption): string {
  const { name, takes, completes, about, repeatable } = option;
  const many = repeatable ? '*' : '';
  const value = takes === null ? '' : `:${escaped(takes)}:${actionOf(completes ?? takes)}`;
  return quoted(`${many}--${name}${takes === null ? '' : '='}[${escaped(about)}]${value}`);
}

function actionOf(takes: string): string {
  const { commands, users, variables } = completionOf(takes);
  if (commands) return '_cmdstring';
  if (users) return '_users';
  return variables ? '_parameters -g "*export*"' : anyOf(takes);
}

/** The blank keeps _arguments from adding its own options. */
function anyOf(takes: string): string {
  const choices = choicesOf(takes);
  return choices.length === 0 ? ' ' : ` _kmem_run_any ${choices.join(' ')}`;
}

function choicesOf(takes: string | null): string[] {
  const { words, kinds, files, folders } = completionOf(takes);
  return [...words, ...kinds, ...(files ? ['files'] : folders ? ['folders'] : [])];
}

/** Escapes a part of a specification, in which brackets and colons are special. */
function escaped(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
