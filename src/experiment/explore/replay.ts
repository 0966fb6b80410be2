/** The line by which a finding is seen again. */

import { optionName } from '../../spec/option-name.ts';
import type { RunInput } from '../../spec/run-input.ts';
import { shellLine, shellWord } from '../../spec/shell.ts';

/** The line for a shell that makes a run again which the store has. */
export type ReplayOf = (id: string) => string;

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
  'quietFor',
  'quietLimit',
  'cpus',
  'user',
  'ready',
  'readyTimeout',
  'stop',
] as const satisfies readonly (keyof RunInput)[];
const DURATIONS: readonly string[] = ['timeout', 'grace', 'hold', 'quietFor', 'quietLimit', 'readyTimeout'];
const FLAGS = ['background', 'allowIoUring', 'aslr', 'clearEnv'] as const;

type Asked = Readonly<{ input: RunInput; prepare: string | null }>;

/** `timeoutMs`: for what hangs; null: as the user said. */
export function replayLine(address: string, { input, prepare }: Asked, timeoutMs: number | null): string {
  const steps = (input.then ?? []).map((step) =>
    typeof step === 'string' ? (['--then', step] as const) : (['--client', step.client] as const),
  );
  const option = (name: string, value: string): string => `${name} ${shellWord(value)}`;
  const options = [
    `--fail ${address}`,
    ...VALUES.flatMap((key) => (input[key] == null ? [] : [option(optionName(key), textOf(key, input[key]))])),
    ...(timeoutMs === null || input.timeout != null ? [] : [`--timeout ${timeoutMs / 1000}s`]),
    ...steps.map(([name, line]) => option(name, line)),
    ...(input.expect ?? []).map((expr) => option('--expect', expr)),
    ...FLAGS.filter((key) => input[key] === true).map(optionName),
    ...(input.cwd === undefined || input.cwd === process.cwd() ? [] : [option('--cwd', input.cwd)]),
    ...Object.entries(input.env ?? {}).map(([name, value]) => option('--env', `${name}=${value}`)),
  ];
  const said = [...input.command, ...steps.map(([, line]) => line), input.ready, input.stop, prepare].join('\n');
  const own = Object.entries(OWN_VARIABLES).filter(([name]) => said.includes(name));
  const passed = input.clearEnv === true ? own.map(([name]) => `--env ${name}`) : [];
  const variables = own.map(([name, value]) => `${name}=${value}`).join(' ');
  const line = ['kmem-run', ...options, ...passed, '--', shellLine(input.command)].join(' ');
  if (prepare === null) return variables === '' ? line : `${variables} ${line}`;
  // What it makes is for the run to find.
  return `${variables === '' ? '' : `export ${variables}; `}sh -c ${shellWord(prepare)} && ${line}`;
}

/** A duration that is a number proper is in milliseconds, and the command line would read it as seconds. */
function textOf(key: string, value: unknown): string {
  return typeof value === 'number' && DURATIONS.includes(key) ? `${value}ms` : String(value);
}
