/**
 * The options of `kmem-run run`: each defined once, with its argument, its text in --help and where its value goes.
 * Values are checked by normaliseSpec; here only errors of the command line itself are rejected.
 */
import { SetupError } from '../errors.ts';
import { ownEnvironment } from '../host/own-process.ts';
import type { CommandHelp } from '../manual/page.ts';
import { CGROUP, ENFORCE, ERRNO, ON_ESCAPE, ON_FAULT, ON_OVERRUN, WAIT } from '../request/normalise.ts';
import { outputFile } from '../request/output-file.ts';
import type { FurtherStep } from '../request/run-input.ts';
import { parseLabel } from '../store/keep.ts';
import { quote } from '../text/quote.ts';
import {
  appends,
  collects,
  type Draft,
  flag,
  type OptionTable,
  pageOptions,
  sets,
  string,
  turns,
} from './option-kinds.ts';
import { parseArgv, type RunArguments } from './parse-argv.ts';

/**
 * By the option's name; experiments take most of them. `sets` and `collects` put a value under the input key of the same
 * name (kmemTcp: --kmem-tcp).
 */
export const OPTIONS: OptionTable = {
  ...sets('kmem', 'Limits:', 'SIZE', 'limit kernel memory, for example to 900K or 1M'),
  ...sets('mem', 'Limits:', 'SIZE', 'limit memory'),
  ...sets('memsw', 'Limits:', 'SIZE', 'limit memory and swap together (requires --mem)'),
  ...sets('kmemTcp', 'Limits:', 'SIZE', 'limit TCP buffers (cgroup v1; soft: usage can exceed it)'),
  ...sets('pids', 'Limits:', 'N', 'limit the number of processes and threads'),

  ...collects('then', 'Steps:', 'CMD', 'add a step in the group: sh -c CMD'),
  client: {
    ...string('Steps:', 'CMD', 'add a step outside the group: sh -c CMD', ({ input }, value) => {
      input.then = [...((input.then as FurtherStep[] | undefined) ?? []), { client: value }];
    }),
    repeatable: true,
  },
  ...sets('ready', 'Steps:', 'WHAT', 'wait for tcp:PORT, http://…, file:PATH or output:REGEX before the next step'),
  ...sets('readyTimeout', 'Steps:', 'DURATION', 'wait at most this long for --ready', '10s'),
  ...turns('background', 'Steps:', 'run the remaining steps alongside the command, then stop the command'),
  ...sets('stop', 'Steps:', 'SIGNAL|CMD', 'after the last step, stop the command with this signal or command', 'TERM'),
  ...collects('expect', 'Steps:', 'EXPR', 'require EXPR, for example failcnt>0'),

  ...sets('timeout', 'End of the run:', 'DURATION', 'stop the run after this time, --hold included'),
  ...sets('grace', 'End of the run:', 'DURATION', 'time from SIGTERM to SIGKILL', '2s'),
  ...sets('hold', 'End of the run:', 'DURATION', 'keep the group this long after the last step'),
  ...sets(
    'wait',
    'End of the run:',
    WAIT.join('|'),
    'after the last step, wait for a quiet or empty group, do not wait, or wait for an empty group',
    'quiet',
  ),
  ...sets(
    'quietFor',
    'End of the run:',
    'DURATION',
    'treat a group as quiet after this long without activity',
    '500ms',
  ),
  ...sets('quietLimit', 'End of the run:', 'DURATION', 'wait at most this long for the group to become quiet', '5s'),

  ...sets('enforce', 'Enforcement:', ENFORCE.join('|'), 'how to enforce the kmem limit', 'auto'),
  ...sets('cgroup', 'Enforcement:', CGROUP.join('|'), 'cgroup version to use'),
  ...sets('parent', 'Enforcement:', 'DIR', 'create the group in this cgroup directory'),
  ...sets('reserve', 'Enforcement:', 'SIZE', 'keep this much memory free below the limit', '16K'),
  ...sets('errno', 'Enforcement:', ERRNO.join('|'), 'deny with the errno of an enforcing kernel, or with ENOMEM'),
  reclaim: string('Enforcement:', 'on|off', 'ask the kernel to reclaim memory before a denial', turnsOn('reclaim')),
  'rcu-wait': string(
    'Enforcement:',
    'on|off',
    'before a denial, wait until the memory of exited processes is freed',
    turnsOn('rcuWait'),
    'on',
  ),
  ...turns('allowIoUring', 'Enforcement:', 'allow io_uring, whose operations are not gated'),
  ...sets(
    'onOverrun',
    'Enforcement:',
    ON_OVERRUN.join('|'),
    'if usage stays over the limit and no call can be denied, report the overshoot or stop the run',
    'note',
  ),
  ...sets(
    'onFault',
    'Enforcement:',
    ON_FAULT.join('|'),
    'refuse a page fault over the limit with SIGBUS or SIGKILL, or only count it',
    'note',
  ),
  ...sets(
    'onEscape',
    'Enforcement:',
    ON_ESCAPE.join('|'),
    'if a process leaves the group, report it, or report and kill it',
    'note',
  ),
  fail: {
    ...string(
      'Enforcement:',
      'ADDRESS',
      'fail this call, for example 0.1/17:mmap; with a final +, also all later calls of its process',
      appends('inject'),
    ),
    repeatable: true,
  },
  ...sets('traceGate', 'Enforcement:', 'FILE', 'write a line of JSON for each gated call'),

  ...sets('kernel', 'MicroVM:', 'KERNEL', 'boot this kernel in a microVM and run the command there'),
  ...sets('vmMemory', 'MicroVM:', 'SIZE', 'memory of the microVM', '1G'),
  ...sets('vmCpus', 'MicroVM:', 'N', 'CPUs of the microVM', '1'),
  ...turns('freshVm', 'MicroVM:', 'boot a new microVM for each run, without a snapshot'),
  ...collects('rw', 'MicroVM:', 'DIR', 'let the command write to this folder'),

  ...sets('user', 'Command:', 'USER', 'run as this user (name or number)'),
  ...sets('cwd', 'Command:', 'DIR', 'run in this folder'),
  env: {
    ...string('Command:', 'NAME[=VALUE]', 'set a variable, or copy it from the environment', setVariable),
    repeatable: true,
  },
  ...turns('clearEnv', 'Command:', 'pass only the variables given with --env'),
  ...sets('cpus', 'Command:', 'LIST', 'bind the command and the gate to these CPUs, for example 0,2-3'),
  ...turns('aslr', 'Command:', 'leave address-space randomisation on'),
  output: string('Command:', 'inherit|null|FILE', 'send stdout and stderr of all steps to this destination', setOutput),

  json: string('Output:', 'FILE', 'write the result as JSON ("-": stdout)', ({ report }, value) => {
    report.json = value === '-' ? value : outputFile(value, { name: '--json' });
  }),
  keep: flag('Output:', 'save the result in the store (see kmem-run history)', ({ report }, on) => {
    report.keep = on;
  }),
  label: string(
    'Output:',
    'LABEL',
    'save the result under this label, which several runs can share',
    ({ report }, value) => {
      report.label = parseLabel(value);
    },
  ),
  store: string('Output:', 'FILE', 'save the result in this store instead of your own', ({ report }, value) => {
    report.store = outputFile(value, { name: '--store' });
  }),
  ...sets('sample', 'Output:', 'DURATION|off', 'time between samples', '50ms'),
  ...turns(
    'profile',
    'Output:',
    'record what kernel memory consists of, by kind, system call and stack (requires Linux 6.1)',
  ),
  quiet: flag('Output:', 'print no report', ({ report }, on) => {
    report.quiet = on;
  }),
  verbose: flag('Output:', 'print a longer report', ({ report }, on) => {
    report.verbose = on;
  }),
  plot: flag('Output:', 'plot the run over time in the terminal', ({ report }, on) => {
    report.plot = on;
  }),
  color: {
    ...flag('Output:', 'print the report without colours', ({ report }, on) => {
      report.color = on;
    }),
    helpName: 'no-color',
  },
  'dry-run': flag(
    'Output:',
    'print the run with all defaults and the source of each value; run nothing',
    ({ report }, on) => {
      report.dryRun = on;
    },
  ),
  config: {
    ...flag('Output:', 'do not read kmem-run.config.json or kmem-run.config.yaml', () => {}),
    helpName: 'no-config',
  },
};

/** What --help says about `kmem-run`, with and without the word `run`. */
export function runHelp(): CommandHelp {
  return {
    synopsis: ['kmem-run [run] [options] -- command [args…]'],
    text: [
      'Runs a command under a kernel-memory limit and names every allocation that failed.',
      'SIZE is in bytes, or has a suffix K, M, G or T. DURATION is in seconds, or has a suffix ms, s, m, h or d. Turn a flag off with --no-FLAG, for example --no-aslr.',
    ],
    options: pageOptions(OPTIONS),
    status: RUN_STATUS,
    examples: [
      'kmem-run --kmem 1M -- apachectl start',
      "kmem-run --kmem 8M --ready tcp:80 --client 'curl -sf localhost' -- node app.js",
    ],
  };
}

const RUN_STATUS = [
  ['0', 'every step exited with 0; with --expect, all expectations hold'],
  ['1-255', 'the exit status of the first step that did not exit with 0'],
  ['128+n', 'signal n killed the first step that did not exit with 0, or interrupted kmem-run'],
  ['122', 'an expectation does not hold'],
  ['123', 'the OOM killer killed a process of the group, but the command exited with 0'],
  ['124', '--timeout expired'],
  ['125', 'kmem-run failed'],
  ['126', 'the command cannot be executed, or the limit prevented it from starting'],
  ['127', 'the command was not found'],
] as const;

/**
 * Reads what follows `kmem-run`: options, perhaps including the word `run`, `--`, and the command, which is passed on
 * unchanged. Values stay as written for normaliseSpec; `--json FILE` is checked here. `inherited`: for `--env K`.
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
      `--env: ${quote(given)} does not name a variable`,
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
      `--env: ${quote(name)} cannot be copied: it is not set`,
      'write --env NAME=VALUE, or leave it out',
    );
  }
  env.set(name, value);
}
