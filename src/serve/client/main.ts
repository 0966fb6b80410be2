/** Keeps a page up to date: checks now and then whether the store has changed, and fetches the page again. */

type Changes = Readonly<{
  changes: string;
  experiment: Readonly<{ status: string; text: string }> | null;
}>;

const EVERY_MS = 1000;
/** A page with plots is not redrawn more often than it can be read. */
const REDRAW_MS = 4000;
const REDRAW = 'kmem-run: redraw';

const place = document.querySelector<HTMLElement>('[data-live]');
const filters = document.querySelector<HTMLFormElement>('form[data-filters]');
// Without a script, the button remains.
filters?.addEventListener('change', ({ target }) => {
  if (target instanceof HTMLSelectElement) filters.requestSubmit();
});
if (place !== null) follow(place);

function follow(live: HTMLElement): void {
  const { root = './', experiment = null } = live.dataset;
  const status = live.querySelector<HTMLElement>('[role="status"]');
  const redraw = live.querySelector<HTMLInputElement>('#redraw');
  const loadedAt = Date.now();
  let seen = live.dataset.changes ?? '';
  let isStale = false;
  if (redraw !== null) remember(redraw);

  const say = (text: string): void => {
    if (status !== null && status.textContent !== text) status.textContent = text;
  };
  const look = async (): Promise<void> => {
    const asked = `${root}changes${experiment === null ? '' : `?${new URLSearchParams({ experiment })}`}`;
    const { changes, experiment: course } = (await (await fetch(asked)).json()) as Changes;
    if (course !== null) say(course.text);
    else say('');
    if (changes !== seen) isStale = true;
    seen = changes;
    if (!isStale) return;
    if (experiment === null) {
      isStale = !(await renewList());
      return;
    }
    const isOver = course !== null && course.status !== 'running';
    const mayRedraw = redraw?.checked !== false && !isBusy();
    if (mayRedraw && (isOver || Date.now() - loadedAt > REDRAW_MS)) location.reload();
  };
  const again = async (): Promise<void> => {
    let wait = EVERY_MS;
    if (document.visibilityState === 'visible') {
      try {
        await look();
      } catch {
        say('kmem-run serve does not respond: it has ended or is busy');
        wait = 5 * EVERY_MS;
      }
    }
    setTimeout(again, wait);
  };
  setTimeout(again, EVERY_MS);
}

/** Whoever is typing, or has marked text to copy it, is not to be disturbed. */
function isBusy(): boolean {
  const active = document.activeElement;
  const isTyping = active instanceof HTMLInputElement && active.id !== 'redraw';
  return isTyping || active instanceof HTMLSelectElement || !(document.getSelection()?.isCollapsed ?? true);
}

/** The list's part of the page, with the focus where it was. */
async function renewList(): Promise<boolean> {
  const own = document.getElementById('kept');
  const answer = await fetch(location.href);
  const text = await answer.text();
  const fresh = new DOMParser().parseFromString(text, 'text/html').getElementById('kept');
  if (own === null || fresh === null || !answer.ok) return false;
  const active = document.activeElement;
  const focused = active instanceof HTMLAnchorElement && own.contains(active) ? active.getAttribute('href') : null;
  own.replaceWith(document.adoptNode(fresh));
  const links = [...fresh.querySelectorAll('a')];
  if (focused !== null) links.find((link) => link.getAttribute('href') === focused)?.focus();
  return true;
}

function remember(redraw: HTMLInputElement): void {
  redraw.checked = sessionStorage.getItem(REDRAW) !== 'off';
  redraw.addEventListener('change', () => sessionStorage.setItem(REDRAW, redraw.checked ? 'on' : 'off'));
}
