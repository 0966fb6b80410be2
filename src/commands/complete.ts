/** `kmem-run complete KIND`: called by completion scripts. One line each: the word, a tab, its description. */

import { print } from '../host/print.ts';
import { COMPLETED_KINDS, type CompletedKind } from '../manual/page.ts';
import { cut } from '../text/visible.ts';
import { withStore } from './stored.ts';

type Choice = readonly [word: string, about: string];

/** Others would have to be quoted, differently in each shell. */
const PLAIN = /^[\p{L}\p{N}\p{M}_@%+=:,./-]+$/u;
const MOST = 200;
const ABOUT_LENGTH = 60;

/** Never fails: a line that is being typed is not the place to report errors. */
export async function completeCommand([, kind]: readonly string[]): Promise<number> {
  const known = COMPLETED_KINDS.find((each) => each === kind);
  if (known === undefined) return 0;
  try {
    const choices = await choicesOf(known);
    const plain = choices.filter(([word]) => PLAIN.test(word));
    await print(plain.map(([word, about]) => `${word}\t${cut(about, ABOUT_LENGTH)}\n`).join(''));
  } catch {
    // No store, or no folder.
  }
  return 0;
}

async function choicesOf(kind: CompletedKind): Promise<readonly Choice[]> {
  switch (kind) {
    case 'scenarios':
      return scenarios();
    case 'kernels':
      return kernels();
    case 'labels':
      return labels();
    case 'experiments':
      return experiments();
    case 'ids':
      return [...(await runs()), ...(await experiments())];
  }
}

async function scenarios(): Promise<Choice[]> {
  const { ALL_FOLDERS, findScenarios } = await import('../scenario/find.ts');
  const found = findScenarios({ words: [], folders: ALL_FOLDERS, tags: [], filters: [] });
  return found.scenarios.map(({ name, description }) => [name, description.split('\n')[0] ?? '']);
}

async function kernels(): Promise<Choice[]> {
  const { kernelNames, kernelsFolder } = await import('../kernels/folder.ts');
  return kernelNames(kernelsFolder()).map((name) => [name, 'a kernel that was added']);
}

function runs(): Promise<Choice[]> {
  return withStore(null, (store) =>
    store.list({ limit: MOST, experimentId: null }).map(({ id, command, outcome }) => [id, `${outcome}: ${command}`]),
  );
}

function experiments(): Promise<Choice[]> {
  return withStore(null, (store) =>
    store.experiments({ limit: MOST }).map(({ id, kind, command }) => [id, `${kind}: ${command.join(' ')}`]),
  );
}

async function labels(): Promise<Choice[]> {
  const given = await withStore(null, (store) => store.list({ limit: null }).flatMap(({ label }) => label ?? []));
  return [...new Set(given)].map((label) => [label, 'a label']);
}
