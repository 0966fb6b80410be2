import { execa } from 'execa';

/** Which of these lock files somebody holds; the helper tries, since Node has no flock(2). */
export async function probeLocks(
  helper: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, 'free' | 'held' | 'absent'>> {
  if (paths.length === 0) return new Map();
  const { stdout } = await execa(helper, ['locks', ...paths], { reject: false });
  const rows = stdout.split('\n').map((row) => row.split('\t'));
  return new Map(
    rows.flatMap(([state, path]) => (path !== undefined && isState(state) ? [[path, state] as const] : [])),
  );
}

/**
 * Takes the flock(2) of an open lock file, which is then held until it is closed here: it belongs to the open file, not to
 * the process. False: it cannot be had.
 */
export async function holdLock(helper: string, fd: number): Promise<boolean> {
  // execa's types know no descriptor beyond the first three.
  const passed = fd as unknown as 'inherit';
  const { exitCode } = await execa(helper, ['hold'], { reject: false, stdio: ['ignore', 'ignore', 'ignore', passed] });
  return exitCode === 0;
}

function isState(text: string | undefined): text is 'free' | 'held' | 'absent' {
  return text === 'free' || text === 'held' || text === 'absent';
}
