/** The description of a command line, from which --help, completion and the man pages are generated. */

export type PageOption = Readonly<{
  /** As written: `kmem`, `no-color`. */
  name: string;
  /** Its value: `SIZE`, `auto|gate`; null for a flag. */
  takes: string | null;
  /** How the value is completed: like `takes`, or with words for which `takes` has no room. */
  completes: string | null;
  about: string;
  /** Null if there is none or it needs no mention. */
  byDefault: string | null;
  /** A heading such as `Limits:`. */
  group: string;
  repeatable: boolean;
}>;

/** `add NAME` of `kmem-run kernel`. `takes`: as for an option; null: no further argument. */
export type Action = Readonly<{ about: string; takes: string | null }>;

export type CommandHelp = Readonly<{
  /** Lines such as `kmem-run gc [options]`. */
  synopsis: readonly string[];
  /** Paragraphs. */
  text: readonly string[];
  actions?: Readonly<Record<string, Action>>;
  options: readonly PageOption[];
  /** Arguments that are not options; as `takes` of an option. */
  takes?: string | null;
  /** Exit statuses, and what each means. */
  status: readonly (readonly [string, string])[];
  examples?: readonly string[];
}>;

export type CommandPage = CommandHelp & Readonly<{ name: string; about: string; group: string }>;

/** Whether a command to run comes after `--`. */
export function runsCommand({ synopsis }: CommandHelp): boolean {
  return synopsis.some((line) => line.includes('-- command'));
}

/** The description of an option, with the notes that --help adds. */
export function aboutOption({ about, byDefault, repeatable }: PageOption): string {
  const notes = [...(repeatable ? ['repeatable'] : []), ...(byDefault === null ? [] : [`default: ${byDefault}`])];
  return notes.length === 0 ? about : `${about} (${notes.join('; ')})`;
}

/** How a value is completed; all that apply are combined. `kinds`: for `kmem-run complete`. */
export type Completion = Readonly<{
  words: readonly string[];
  kinds: readonly CompletedKind[];
  files: boolean;
  folders: boolean;
  commands: boolean;
  users: boolean;
  variables: boolean;
}>;

/** Values that only kmem-run can list, by value name. */
const KINDS = {
  SCENARIO: 'scenarios',
  KERNEL: 'kernels',
  ID: 'ids',
  EXPERIMENT: 'experiments',
  LABEL: 'labels',
} as const;
export type CompletedKind = (typeof KINDS)[keyof typeof KINDS];
export const COMPLETED_KINDS: readonly CompletedKind[] = Object.values(KINDS);

/** Words are in lower case; names in capitals are placeholders: `inherit|null|FILE`. */
export function completionOf(takes: string | null): Completion {
  const parts = (takes ?? '').split('|');
  return {
    words: parts.filter((part) => /^[a-z0-9.-]+$/.test(part)),
    kinds: parts.flatMap((part) => (Object.hasOwn(KINDS, part) ? KINDS[part as keyof typeof KINDS] : [])),
    files: parts.includes('FILE'),
    folders: parts.includes('DIR'),
    commands: parts.includes('CMD'),
    users: parts.includes('USER'),
    variables: parts.includes('NAME[=VALUE]'),
  };
}
