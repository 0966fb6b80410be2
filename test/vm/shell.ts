/** An interactive bash on its own terminal, with input typed by a test. */

import { execFileSync, spawn } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import { until } from './machines.ts';

export type Shell = Readonly<{
  /** Path of its terminal. */
  tty: string;
  type: (keys: string) => void;
  /** Resolves with the match when it appears after what was seen last. */
  see: (what: RegExp) => Promise<RegExpExecArray>;
  /** Types a line, and resolves with the output until the next prompt. */
  run: (line: string) => Promise<string>;
  resize: (rows: number, columns: number) => void;
  /** Whether all input and output passes unchanged: bash's own line editing keeps Ctrl-C a signal. */
  isRaw: () => boolean;
  /** The terminal's settings as seen by a program started here. */
  settings: () => Promise<string>;
}>;

const PROMPT = /outer\$ /;

export async function openShell(t: ExecutionContext, cwd: string): Promise<Shell> {
  const child = spawn('script', ['-qfec', 'exec bash --norc --noprofile -i', '/dev/null'], {
    cwd,
    env: { ...process.env, TERM: 'xterm', LANG: 'C.UTF-8', HISTFILE: '/dev/null' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  const see = async (what: RegExp): Promise<RegExpExecArray> => {
    let found: RegExpExecArray | null = null;
    const isThere = (): boolean => {
      found = what.exec(shown);
      return found !== null;
    };
    await until(isThere, `${what} in ${JSON.stringify(shown)}`).catch((error) => {
      throw new Error(`${what} does not show in ${JSON.stringify(shown)}`, { cause: error });
    });
    const match = found as unknown as RegExpExecArray;
    shown = shown.slice(match.index + match[0].length);
    return match;
  };
  const type = (keys: string): void => void child.stdin.write(keys);
  const run = async (line: string): Promise<string> => {
    type(`${line}\n`);
    await see(/\n/);
    const { input, index } = await see(PROMPT);
    return input.slice(0, index);
  };
  await see(/# |\$ /);
  // In two parts, so that the typed text is not mistaken for the prompt.
  type("PS1='out''er$ '; bind 'set enable-bracketed-paste off'; stty rows 33 cols 99\n");
  await see(PROMPT);
  const tty = (await run('tty')).trim();
  return {
    tty,
    type,
    see,
    run,
    resize: (rows, columns) => void execFileSync('stty', ['-F', tty, 'rows', `${rows}`, 'cols', `${columns}`]),
    isRaw: () => {
      const modes = execFileSync('stty', ['-F', tty, '-a'], { encoding: 'utf8' }).split(/\s+/);
      return ['-isig', '-icanon', '-echo', '-opost'].every((mode) => modes.includes(mode));
    },
    settings: () => run('stty -g'),
  };
}
