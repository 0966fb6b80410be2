/** Colours that people with colour vision deficiency can distinguish (Okabe and Ito's), on white and near black. */

export type Palette = Readonly<{
  text: string;
  muted: string;
  line: string;
  surface: string;
  kmem: string;
  mem: string;
  rss: string;
  processes: string;
  limit: string;
  failure: string;
  band: string;
  good: string;
  bad: string;
  warn: string;
  /** For lines shown together. */
  series: readonly string[];
}>;

export const light: Palette = {
  text: '#1b1f24',
  muted: '#57606a',
  line: '#d8dee4',
  surface: '#ffffff',
  kmem: '#0072b2',
  mem: '#8250a8',
  rss: '#a0703c',
  processes: '#00795c',
  limit: '#1b1f24',
  failure: '#c2410c',
  band: 'rgba(87, 96, 106, 0.09)',
  good: '#0072b2',
  bad: '#c2410c',
  warn: '#9a6700',
  series: ['#0072b2', '#c2410c', '#00795c', '#8250a8', '#9a6700', '#0891b2'],
};

export const dark: Palette = {
  text: '#e6edf3',
  muted: '#9aa4af',
  line: '#343b44',
  surface: '#14181d',
  kmem: '#56b4e9',
  mem: '#c9a3ea',
  rss: '#d9ab77',
  processes: '#4cc9a4',
  limit: '#e6edf3',
  failure: '#ff9a5c',
  band: 'rgba(154, 164, 175, 0.12)',
  good: '#56b4e9',
  bad: '#ff9a5c',
  warn: '#e3b341',
  series: ['#56b4e9', '#ff9a5c', '#4cc9a4', '#c9a3ea', '#e3b341', '#67e8f9'],
};
