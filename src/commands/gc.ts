export async function gcCommand(_argv: readonly string[]): Promise<number> {
  return 1;
}
