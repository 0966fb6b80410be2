/** Which kernels can be had by name: the Debian release that each is of. */
export type Suite = Readonly<{ name: string; codename: string; title: string }>;

export const suites: readonly Suite[] = [
  { name: '5.10', codename: 'bullseye', title: 'Debian 11' },
  { name: '6.1', codename: 'bookworm', title: 'Debian 12' },
  { name: '6.12', codename: 'trixie', title: 'Debian 13' },
];

/** Null: no Debian release is known for that name. */
export function suiteOf(name: string): Suite | null {
  return suites.find((suite) => suite.name === name) ?? null;
}
