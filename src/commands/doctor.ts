export async function doctorCommand(_argv: readonly string[]): Promise<number> {
  return 1;
}
