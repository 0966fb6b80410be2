/**
 * The options of `kmem-run run`: each defined once, with what it takes, what --help says of it and where its value goes.
 * Values are checked by normaliseSpec; here only what belongs to a command line is refused.
 */
import type { Options } from 'yargs';
import { SetupError } from '../errors.ts';
import { ownEnvironment } from '../host/own-process.ts';
import { CGROUP, ENFORCE, ERRNO, ON_ESCAPE, ON_FAULT, ON_OVERRUN, WAIT } from '../request/normalise.ts';
import { outputFile } from '../request/output-file.ts';
import type { FurtherStep } from '../request/run-input.ts';
import { parseLabel } from '../store/keep.ts';
import { quote } from '../text/quote.ts';
import { appends, collects, type Draft, flag, type OptionTable, sets, string, turns } from './option-kinds.ts';
import { describeOptions, parseArgv, type RunArguments } from './parse-argv.ts';

/**
 * By the option's name; experiments take most of them. `sets` and `collects` put a value under the input key of the same
 * name (kmemTcp: --kmem-tcp).
 */
export const OPTIONS: OptionTable = {
  ...sets('kmem', 'Limits:', 'SIZE', 'kernel memory, such as 900K or 1M'),
  ...sets('mem', 'Limits:', 'SIZE', 'memory'),
  ...sets('memsw', 'Limits:', 'SIZE', 'memory and swap together (needs --mem)'),
  ...sets('kmemTcp', 'Limits:', 'SIZE', 'TCP buffers (cgroup v1; a soft limit, which they can exceed)'),
  ...sets('pids', 'Limits:', 'N', 'processes and threads at one time'),

  ...sets('enforce', 'Enforcement:', ENFORCE.join('|'), 'how the kmem limit is made to bite'),
  ...sets('kernel', 'Enforcement:', 'NAME', 'boot this kernel in a microVM and run there (see kmem-run kernel)'),
  ...sets('vmMemory', 'Enforcement:', 'SIZE', 'memory of the microVM (1G)'),
  ...sets('vmCpus', 'Enforcement:', 'N', 'its processors (1)'),
  ...collects('rw', 'Enforcement:', 'DIR', 'a folder in which the command in the microVM may write (repeatable)'),
  ...sets('cgroup', 'Enforcement:', CGROUP.join('|'), 'which cgroup version to use'),
  ...sets('parent', 'Enforcement:', 'PATH', "make the group in this cgroup directory instead of kmem-run's own"),
  ...sets('reserve', 'Enforcement:', 'SIZE', 'what the gate keeps free below the kmem limit'),
  ...sets(
    'errno',
    'Enforcement:',
    ERRNO.join('|'),
    'deny with the errno of an enforcing kernel, or always with ENOMEM',
  ),
  reclaim: string('Enforcement:', 'on|off', 'ask the kernel to reclaim before a call is denied', turnsOn('reclaim')),
  'rcu-wait': string(
    'Enforcement:',
    'on|off',
    'before a call is denied, wait until what ended processes leave is freed (on)',
    turnsOn('rcuWait'),
  ),

  ...turns('allowIoUring', 'Enforcement:', 'let io_uring through, ungated, instead of refusing it'),
  ...sets(
    'onOverrun',
    'Enforcement:',
    ON_OVERRUN.join('|'),
    'when usage stays above the limit with no call to deny: say so, or end the run',
  ),
  ...sets(
    'onFault',
    'Enforcement:',
    ON_FAULT.join('|'),
    'end a page fault over the kmem limit with SIGBUS or SIGKILL, or only count it',
  ),
  ...sets(
    'onEscape',
    'Enforcement:',
    ON_ESCAPE.join('|'),
    'when a process leaves the group: report it, or kill it too',
  ),
  ...sets('traceGate', 'Enforcement:', 'FILE', 'write a line of JSON about each gated call'),
  fail: {
    ...string(
      'Enforcement:',
      'ADDRESS',
      'fail this call, such as 0.1/17:mmap; with + behind it all later ones of its process too (repeatable)',
      appends('inject'),
    ),
    repeatable: true,
  },

  ...sets('timeout', 'The run:', 'DUR', 'end the run after this time, all steps and the hold included'),
  ...sets('grace', 'The run:', 'DUR', 'from SIGTERM to SIGKILL when a run is ended (2s)'),
  ...sets('hold', 'The run:', 'DUR', 'keep the group for a while after the last step'),
  ...sets(
    'wait',
    'The run:',
    WAIT.join('|'),
    'when the run is over: the last step has exited and the group is quiet or empty (quiet), the last step has exited (exit), or the group is empty (empty)',
  ),
  ...sets('quietFor', 'The run:', 'DUR', 'a group is quiet when nothing has happened in it for this time (500ms)'),
  ...sets('quietLimit', 'The run:', 'DUR', 'the longest wait for a quiet group (5s)'),
  ...collects('then', 'The run:', 'CMD', 'a further step in the same group, by sh -c (repeatable)'),
  client: {
    ...string(
      'The run:',
      'CMD',
      'a further step outside the group, by sh -c: a client (repeatable)',
      ({ input }, value) => {
        input.then = [...((input.then as FurtherStep[] | undefined) ?? []), { client: value }];
      },
    ),
    repeatable: true,
  },
  ...sets(
    'ready',
    'The run:',
    'WHAT',
    'what the first further step waits for: tcp:PORT, http://…, file:PATH or output:REGEX',
  ),
  ...sets('readyTimeout', 'The run:', 'DUR', 'the longest wait for --ready (10s)'),
  ...turns(
    'background',
    'The run:',
    'the further steps do not wait for the command to exit; it is stopped after the last one',
  ),
  ...sets('stop', 'The run:', 'SIGNAL|CMD', 'what stops a command that still runs after the last step (TERM)'),
  ...collects('expect', 'The run:', 'EXPR', "what must hold, such as 'exit==0' or 'failcnt>0' (repeatable)"),
  ...sets('sample', 'The run:', 'DUR|off', 'time between samples (50ms)'),

  ...sets('cpus', 'The command:', 'LIST', 'bind command and gate to these CPUs, such as 0 or 0,2-3'),
  ...turns('aslr', 'The command:', 'leave address-space randomisation on'),
  ...sets('user', 'The command:', 'NAME', 'run as this user (name or number)'),
  ...sets('cwd', 'The command:', 'DIR', 'working directory'),
  env: { ...string('The command:', 'K[=V]', 'set a variable, or copy it (repeatable)', setVariable), repeatable: true },
  ...turns('clearEnv', 'The command:', 'pass no variables but those of --env'),
  output: string('The command:', 'inherit|null|FILE', 'where stdout and stderr of all steps go', setOutput),

  json: string(
    'Output:',
    'FILE',
    'write the result there ("-": stdout, if --output is elsewhere)',
    ({ report }, value) => {
      report.json = value === '-' ? value : outputFile(value, { name: '--json' });
    },
  ),
  keep: flag('Output:', 'keep the result in the store (see kmem-run history)', ({ report }, on) => {
    report.keep = on;
  }),
  label: string('Output:', 'NAME', 'keep it under this name, which runs may share', ({ report }, value) => {
    report.label = parseLabel(value);
  }),
  store: string('Output:', 'FILE', 'keep it in this store instead of your own', ({ report }, value) => {
    report.store = outputFile(value, { name: '--store' });
  }),
  quiet: flag('Output:', 'no report', ({ report }, on) => {
    report.quiet = on;
  }),
  verbose: flag('Output:', 'a longer report', ({ report }, on) => {
    report.verbose = on;
  }),
  plot: flag('Output:', 'draw the run over time, in the terminal', ({ report }, on) => {
    report.plot = on;
  }),
  color: {
    ...flag('Output:', 'no colours in the report', ({ report }, on) => {
      report.color = on;
    }),
    helpName: 'no-color',
  },
  'dry-run': flag(
    'Output:',
    'print what would be run, with all defaults and the source of each value, and run nothing',
    ({ report }, on) => {
      report.dryRun = on;
    },
  ),
  config: {
    ...flag('Output:', 'do not read kmem-run.config.json or kmem-run.config.yaml', () => {}),
    helpName: 'no-config',
  },
};

/** For yargs' `.options()`: what --help lists. Parsing is `parseRunArgv`, by the same definitions. */
export const runOptions: Readonly<Record<string, Options>> = describeOptions(OPTIONS);

/**
 * Reads what follows `kmem-run`: options, perhaps the word `run` among them, `--`, and the command, which is handed on
 * untouched. Values stay as written for normaliseSpec; `--json FILE` is checked here. `inherited`: for `--env K`.
 * @throws SetupError `no-separator`, `no-command`, `unknown-option`, `unexpected-argument`, `missing-value`,
 * `duplicate-option`, `bad-flag`, `bad-option`, `bad-env`, `env-not-set`, `json-on-stdout`, `bad-output-file`,
 * `conflicting-options`, `bad-label`.
 */
export function parseRunArgv(
  argv: readonly string[],
  { inherited = ownEnvironment() }: { inherited?: NodeJS.ProcessEnv } = {},
): RunArguments {
  return parseArgv(argv, { word: 'run', usage: 'kmem-run [options]', options: OPTIONS, start: {}, inherited });
}

function turnsOn(key: 'reclaim' | 'rcuWait'): (draft: Draft, given: string) => void {
  return ({ input }, given) => {
    if (given !== 'on' && given !== 'off') {
      const name = key === 'reclaim' ? 'reclaim' : 'rcu-wait';
      throw new SetupError('bad-option', `--${name}: ${quote(given)} is neither on nor off`, 'give on or off');
    }
    input[key] = given === 'on';
  };
}

function setOutput({ input }: Draft, given: string): void {
  input.output = given === 'inherit' || given === 'null' ? given : { file: given };
}

function setVariable({ env, inherited }: Draft, given: string): void {
  const at = given.indexOf('=');
  const name = at === -1 ? given : given.slice(0, at);
  if (name === '') {
    throw new SetupError(
      'bad-env',
      `--env: ${quote(given)} names no variable`,
      'write --env NAME=VALUE, or --env NAME to copy it',
    );
  }
  if (env.has(name)) {
    throw new SetupError(
      'duplicate-option',
      `--env: ${quote(name)} is given more than once`,
      'give each variable once',
    );
  }
  const value = at === -1 ? inherited[name] : given.slice(at + 1);
  if (value === undefined) {
    throw new SetupError(
      'env-not-set',
      `--env: ${quote(name)} is not set, so it cannot be copied`,
      'write --env NAME=VALUE, or leave it out',
    );
  }
  env.set(name, value);
}
