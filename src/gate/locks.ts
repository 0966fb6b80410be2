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

function isState(text: string | undefined): text is 'free' | 'held' | 'absent' {
  return text === 'free' || text === 'held' || text === 'absent';
}
