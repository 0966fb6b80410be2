/** The page's own script: draws what the page carries, when it comes into view. */

import type { EChartsType } from 'echarts/core';
import { numbersOf, type Plot } from '../../plots/index.ts';
import { DATA_ID, type PageData } from '../data.ts';
import { mountPlot } from './chart.ts';
import { listenForCopies } from './dom.ts';
import { mountProfile } from './profile.ts';
import { mountTable } from './table.ts';

declare global {
  interface Window {
    /** The plots that are drawn, by id: for tests and for inspection in the console. */
    kmemRunPlots: Map<string, EChartsType>;
  }
}

window.kmemRunPlots = new Map();

/** Drawn before they are visible, so that nobody scrolls to an empty frame. */
const MARGIN = '400px';

function start(): void {
  const text = document.getElementById(DATA_ID)?.textContent ?? '';
  const { plots, tables, profiles } = JSON.parse(text) as PageData;
  const byId = new Map(plots.map((plot) => [plot.id, plot]));
  const tablesById = new Map(tables.map((table) => [table.id, table]));
  whenSeen('[data-plot]', (place) => {
    const plot = byId.get(place.dataset.plot ?? '');
    if (plot !== undefined) window.kmemRunPlots.set(plot.id, mountPlot(plot, place));
  });
  whenSeen('[data-table]', (place) => {
    const table = tablesById.get(place.dataset.table ?? '');
    if (table !== undefined) mountTable(table, place);
  });
  const profilesById = new Map(profiles.map((profile) => [profile.id, profile]));
  whenSeen('[data-profile]', (place) => {
    const profile = profilesById.get(place.dataset.profile ?? '');
    if (profile !== undefined) mountProfile(profile, place);
  });
  for (const place of document.querySelectorAll<HTMLElement>('[data-numbers]')) {
    const plot = byId.get(place.dataset.numbers ?? '');
    if (plot !== undefined) openNumbers(place, plot);
  }
  listenForCopies();
}

function whenSeen(selector: string, mount: (place: HTMLElement) => void): void {
  const mounted = new WeakSet<Element>();
  const mountOnce = (place: HTMLElement): void => {
    if (mounted.has(place)) return;
    mounted.add(place);
    mount(place);
  };
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        mountOnce(target as HTMLElement);
      }
    },
    { rootMargin: MARGIN },
  );
  for (const place of document.querySelectorAll<HTMLElement>(selector)) observer.observe(place);
  // A printed page shows all of it.
  window.addEventListener('beforeprint', () => {
    for (const entry of document.querySelectorAll<HTMLElement>(selector)) {
      if (entry.clientWidth > 0) mountOnce(entry);
    }
  });
}

/** Built when opened: it may be long. */
function openNumbers(place: HTMLElement, plot: Plot): void {
  place
    .closest('details')
    ?.addEventListener(
      'toggle',
      () => mountTable({ ...numbersOf(plot), id: `${plot.id}-numbers`, groups: [], choices: [], copied: null }, place),
      { once: true },
    );
}

start();
