import { type CommandPage, completionOf, type PageOption } from './page.ts';

export function zshCompletion(pages: readonly CommandPage[]): string {
  return `#compdef kmem-run
# zsh completion for kmem-run, made by: kmem-run completion zsh

_kmem-run() {
  local command=run
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

_kmem-run "$@"
`;
}

function commandCase({ name, options, words, runs }: CommandPage): string {
  const specs = [
    ...options.map(specOf),
    quoted('--help[say what it does]'),
    quoted(words.length > 0 ? `1:action:(${words.join(' ')})` : runs ? '*: :(--)' : '*: : '),
  ];
  return `    (${name})
      _arguments \\
${specs.map((spec) => `        ${spec}`).join(' \\\n')}
      ;;`;
}

function specOf(option: PageOption): string {
  const { name, takes, about, repeatable } = option;
  const many = repeatable ? '*' : '';
  const value = takes === null ? '' : `:${escaped(takes)}:${actionOf(option)}`;
  return quoted(`${many}--${name}${takes === null ? '' : '='}[${escaped(about)}]${value}`);
}

function actionOf(option: PageOption): string {
  const { words, files, folders, commands, users, variables } = completionOf(option);
  // The blank keeps _arguments from adding options of its own.
  if (words.length > 0 && files) return ` _alternative "words\\:word\\:(${words.join(' ')})" "files\\:file\\:_files"`;
  if (words.length > 0) return `(${words.join(' ')})`;
  if (files) return '_files';
  if (folders) return '_files -/';
  if (commands) return '_cmdstring';
  if (users) return '_users';
  return variables ? '_parameters -g "*export*"' : ' ';
}

/** For a part of a specification, where brackets and colons have a meaning. */
function escaped(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
