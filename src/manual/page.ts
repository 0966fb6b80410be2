/** What --help says of a command, in parts: completion and the man page are made from it. */

export type PageOption = Readonly<{
  /** As it is written: `kmem`, `no-color`. */
  name: string;
  /** What it takes: `SIZE`, `auto|gate`; null: nothing. */
  takes: string | null;
  about: string;
  /** A heading such as `Limits:`; null: it stands under none. */
  group: string | null;
  repeatable: boolean;
}>;

export type CommandPage = Readonly<{
  name: string;
  about: string;
  /** Lines such as `kmem-run gc [--force]`. */
  synopsis: readonly string[];
  /** Paragraphs between the synopsis and the options, and after these. */
  text: readonly string[];
  epilogue: readonly string[];
  options: readonly PageOption[];
  /** What may stand where a word of its own is asked for: `kernel add`. */
  words: readonly string[];
  /** Whether a command to run comes after `--`. */
  runs: boolean;
}>;

/** How a value is completed; all that apply together. */
export type Completion = Readonly<{
  words: readonly string[];
  files: boolean;
  folders: boolean;
  commands: boolean;
  users: boolean;
  variables: boolean;
}>;

/** Words are in small letters, and what is in capitals stands for something: `inherit|null|FILE`. */
export function completionOf({ name, takes }: PageOption): Completion {
  const parts = (takes ?? '').split('|');
  return {
    words: parts.filter((part) => /^[a-z0-9]+$/.test(part)),
    files: parts.includes('FILE'),
    folders: parts.includes('DIR') || parts.includes('PATH'),
    commands: parts.includes('CMD'),
    users: name === 'user',
    variables: name === 'env',
  };
}

/**
 * A page from a text for --help: synopsis, blank line, paragraphs; a line of an option begins with blanks and `--name`, and
 * two blanks stand before what it is about.
 */
export function pageOfText(
  name: string,
  about: string,
  { text, words = [] }: Readonly<{ text: string; words?: readonly string[] }>,
): CommandPage {
  const [head = '', ...rest] = text.trimEnd().split('\n\n');
  return {
    name,
    about,
    synopsis: head.split('\n'),
    text: rest,
    epilogue: [],
    options: [...text.matchAll(/^ +--([a-z][a-z-]*)(?: (\S+))? {2,}(\S.*)$/gm)].map(
      ([, option = '', takes, description = '']) => ({
        ...{ name: option, takes: takes ?? null, about: description, group: null },
        repeatable: description.includes('(repeatable)'),
      }),
    ),
    words,
    runs: head.includes('-- command'),
  };
}
