import { groupDigits } from '../request/size.ts';
import { exactSize } from '../text/figures.ts';
import { cut } from '../text/visible.ts';

export type Share = Readonly<{ passed: number; runs: number }>;

export type Survival = Readonly<{
  /** The setting along the axis: `kmem`. */
  along: string;
  ticks: readonly string[];
  /** One for each combination of the other settings; null: no run there. */
  series: readonly Readonly<{ label: string; shares: readonly (Share | null)[] }>[];
}>;

export type AxisValue = string | number | null;
type Swept = Readonly<{
  axes: readonly string[];
  points: readonly (Share & Readonly<{ settings: Readonly<Record<string, AxisValue>> }>)[];
}>;

/** The limit with the most values, over which a curve is drawn; null: none was varied. */
export function mainAxis({ axes, points }: Swept): string | null {
  return axes
    .filter((axis) => axis !== 'kernel')
    .reduce<string | null>(
      (best, axis) => (best === null || valuesOf(points, axis).length > valuesOf(points, best).length ? axis : best),
      null,
    );
}

export function valuesOf(points: Swept['points'], axis: string): AxisValue[] {
  return [...new Set(points.map(({ settings }) => settings[axis] ?? null))];
}

/** Null: no limit was varied. */
export function survivalOf({ axes, points }: Swept): Survival | null {
  const along = mainAxis({ axes, points });
  if (along === null) return null;
  const ticks = valuesOf(points, along);
  const others = axes.filter((axis) => axis !== along);
  const groups = Map.groupBy(points, ({ settings }) =>
    others.map((axis) => settingText(axis, settings[axis] ?? null)).join(' '),
  );
  const series = [...groups].map(([label, own]) => ({
    label,
    shares: ticks.map((tick) => {
      const point = own.find(({ settings }) => settings[along] === tick);
      return point === undefined || point.runs === 0 ? null : { passed: point.passed, runs: point.runs };
    }),
  }));
  return { along, ticks: ticks.map((tick) => settingText(along, tick)), series };
}

export function settingText(axis: string, value: AxisValue): string {
  if (axis === 'kernel') return value === null ? 'host' : cut(String(value), 20);
  if (value === null) return 'none';
  return axis === 'pids' ? groupDigits(Number(value)) : exactSize(Number(value));
}
