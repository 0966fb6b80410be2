import { visible } from '../../../text/visible.ts';

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | null>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  for (const child of children) made.append(typeof child === 'string' ? visible(child) : child);
  return made;
}

export function selectOf(
  label: string,
  values: readonly string[],
  choose: (value: string, index: number) => void,
): HTMLElement {
  const select = element('select', {});
  for (const value of values) select.append(element('option', {}, value));
  select.addEventListener('change', () => choose(values[select.selectedIndex] ?? '', select.selectedIndex));
  return element('label', {}, label, select);
}

export function copyButton(text: string, name: string): HTMLButtonElement {
  return element('button', { type: 'button', class: 'copy', 'data-copy': visible(text), 'aria-label': name }, 'Copy');
}

/** One listener for all buttons, including those of rows added later. */
export function listenForCopies(): void {
  document.addEventListener('click', async ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLButtonElement>('button[data-copy]') : null;
    if (button === null) return;
    const text = button.dataset.copy || (button.parentElement?.querySelector('code')?.textContent ?? '');
    const done = await copied(text);
    button.textContent = done ? 'Copied' : 'Select it';
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 1500);
  });
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text);
  }
}

/** A page opened from disk may be denied clipboard access. */
function copiedBySelection(text: string): boolean {
  const area = element('textarea', { class: 'skip', 'aria-hidden': 'true' });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}
