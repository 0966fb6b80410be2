/** Whether `5.10.262` is older than `5.16`: compared number by number, as many as `than` has. */
export function isOlder(version: string, than: string): boolean {
  const [have, want] = [version, than].map((text) => text.split(/[.-]/).map((part) => Number.parseInt(part, 10)));
  for (const [index, part] of (want ?? []).entries()) {
    const own = have?.[index] ?? 0;
    if (own !== part) return own < part;
  }
  return false;
}
