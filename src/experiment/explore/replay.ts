/** The line by which a finding is seen again. */

import { optionName } from '../../spec/option-name.ts';
import type { RunInput } from '../../spec/run-input.ts';
import { shellLine, shellWord } from '../../spec/shell.ts';

/** What a run of an exploration has of its own: written so that a shell makes it anew. */
const OWN_VARIABLES = { KMEM_RUN_DIR: '$(mktemp -d)', KMEM_RUN_PORT: '20000' } as const;

const VALUES = [
  'mem',
  'memsw',
  'kmemTcp',
  'pids',
  'cgroup',
  'parent',
  'errno',
  'onOverrun',
  'timeout',
  'grace',
  'hold',
  'wait',
  'cpus',
  'user',
] as const satisfies readonly (keyof RunInput)[];
const LISTS = ['then', 'expect'] as const;
const FLAGS = ['allowIoUring', 'aslr', 'clearEnv'] as const;

type Asked = Readonly<{ input: RunInput; prepare: string | null }>;

/** `timeoutMs`: for what hangs; null: as the user said. */
export function replayLine(address: string, { input, prepare }: Asked, timeoutMs: number | null): string {
  const options = [
    `--fail ${address}`,
    ...VALUES.flatMap((key) => (input[key] == null ? [] : [`${optionName(key)} ${shellWord(String(input[key]))}`])),
    ...(timeoutMs === null || input.timeout != null ? [] : [`--timeout ${timeoutMs / 1000}s`]),
    ...LISTS.flatMap((key) => (input[key] ?? []).map((value) => `${optionName(key)} ${shellWord(value)}`)),
    ...FLAGS.filter((key) => input[key] === true).map(optionName),
    ...(input.cwd === undefined || input.cwd === process.cwd() ? [] : [`--cwd ${shellWord(input.cwd)}`]),
    ...Object.entries(input.env ?? {}).map(([name, value]) => `--env ${shellWord(`${name}=${value}`)}`),
  ];
  const said = [...input.command, ...(input.then ?? []), prepare ?? ''].join('\n');
  const own = Object.entries(OWN_VARIABLES).filter(([name]) => said.includes(name));
  const passed = input.clearEnv === true ? own.map(([name]) => `--env ${name}`) : [];
  const variables = own.map(([name, value]) => `${name}=${value}`).join(' ');
  const line = ['kmem-run', ...options, ...passed, '--', shellLine(input.command)].join(' ');
  if (prepare === null) return variables === '' ? line : `${variables} ${line}`;
  // What it makes is for the run to find.
  return `${variables === '' ? '' : `export ${variables}; `}sh -c ${shellWord(prepare)} && ${line}`;
}
