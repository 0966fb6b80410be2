import type { Bench, Section } from '../bench.ts';
import { gated, kmemRun, onOneCpu, output, STRACE_CALLS, strace, ungated, type Words } from '../commands.ts';
import { interleave, type Variant } from '../interleave.ts';
import { combine, difference, known, ratio, type Series } from '../statistics.ts';
import { figure, goal, layOut, type Row, times } from '../table.ts';

const PINNED_GOAL_US = 4;
const STRACE_GOAL = 2.5;
const pinned: Words = ['--cpus', '0'];

/** What one gated call costs over the same call ungated. Measured inside the program, to exclude the start. */
export const calls: Section = {
  name: 'calls',
  about: 'what the gate adds to one call that it lets through',
  run: async (bench) => {
    const rounds = bench.quick ? 3 : 11;
    const kinds = bench.quick ? ['eventfd2'] : ['eventfd2', 'openat', 'dup'];
    for (const kind of kinds) bench.say(layOut(rowsOf(kind, await interleave(variants(bench, kind), rounds))));
  },
};

type Name = 'ungated' | 'ungated, one CPU' | 'gate' | 'gate, one CPU' | 'strace' | 'strace, one CPU' | 'pipe';

function variants(bench: Bench, kind: string): (Variant & { name: Name })[] {
  const variant = (name: Name, wrap: (command: Words) => Words | null) => ({
    name,
    measure: () => perCall(bench, kind, wrap),
  });
  const traced = (command: Words): Words | null => strace([kind], command);
  return [
    variant('ungated', (command) => kmemRun(ungated, command)),
    variant('gate', (command) => kmemRun(gated, command)),
    variant('strace', traced),
    variant('ungated, one CPU', (command) => kmemRun([...ungated, ...pinned], command)),
    variant('gate, one CPU', (command) => kmemRun([...gated, ...pinned], command)),
    variant('strace, one CPU', (command) => {
      const words = traced(command);
      return words === null ? null : onOneCpu(words);
    }),
    { name: 'pipe', measure: () => perCall(bench, 'pingpong', onOneCpu) },
  ];
}

/** Microseconds, or null if the tool is not installed. */
function perCall(bench: Bench, kind: string, wrap: (command: Words) => Words | null): number | null {
  const words = wrap([bench.program('calls'), kind, bench.quick ? '100' : '250', String(STRACE_CALLS)]);
  if (words === null) return null;
  const [nanoseconds, , failures] = output(words).trim().split(' ').map(Number);
  if (failures !== 0) throw new Error(`${kind}: ${failures} calls failed`);
  return nanoseconds === undefined ? null : nanoseconds / 1000;
}

function rowsOf(kind: string, measured: Readonly<Record<Name, Series>>): Row[] {
  const added = (name: Name, base: Name): number[] => combine(measured[name], measured[base], difference);
  const gate = added('gate', 'ungated');
  const gatePinned = added('gate, one CPU', 'ungated, one CPU');
  const switches = combine(gatePinned, measured.pipe, ratio);
  const slower = combine(added('strace', 'ungated'), gate, ratio);
  const slowerPinned = combine(added('strace, one CPU', 'ungated, one CPU'), gatePinned, ratio);
  return [
    [kind, 'added', 'times the gate’s', ''],
    ['  gate', figure(gate, 'µs'), '', `the call itself ${figure(known(measured.ungated), 'µs')}`],
    ['  gate --cpus 0', figure(gatePinned, 'µs'), '', goal('at most', PINNED_GOAL_US, 'µs', gatePinned)],
    ['  two context switches', figure(known(measured.pipe), 'µs'), '', `gate --cpus 0 takes ${times(switches)} these`],
    ['  strace', figure(added('strace', 'ungated'), 'µs'), times(slower), goal('at least', STRACE_GOAL, '×', slower)],
    ['  strace, one CPU', figure(added('strace, one CPU', 'ungated, one CPU'), 'µs'), times(slowerPinned), ''],
  ];
}
