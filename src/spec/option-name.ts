/** How the command line calls an input key, for messages and for lines to copy: `kmemTcp` → `--kmem-tcp`. */
export function optionName(key: string): string {
  return key === 'inject' ? '--fail' : `--${kebab(key)}`;
}

export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
