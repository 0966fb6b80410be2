/** A gzipped profile.proto, as `go tool pprof` and speedscope read it. */

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  Function as FunctionOfProfile,
  Label,
  Line,
  Location,
  Profile as Pprof,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format';
import { type Amount, added, frameName, type Moment, type StackRow } from '../../result/profile-parts.ts';
import type { Profile } from '../../result/schema.ts';
import { visible } from '../../text/visible.ts';
import { allStacks, entryName, leafName } from './stacks.ts';

/** In place of the file of the kernel's functions. */
const KERNEL = '[kernel]';

const moments: Readonly<Record<Moment, string>> = {
  peak: 'live when usage was highest',
  end: 'live at the end of the run',
  total: 'allocated during the run',
};

/** The profiles are added up. Sample types: `objects` and `space`; labels: `comm` and `syscall`. */
export async function pprofProfile(profiles: readonly Profile[], at: Moment): Promise<Uint8Array> {
  const tables = createTables();
  const { text } = tables;
  const samples = new Map<string, { locationId: number[]; label: Label[]; amount: Amount }>();
  for (const row of allStacks(profiles, at)) {
    const locationId = framesOf(row, at).map(tables.locationOf);
    const label = labelsOf(row).map(([key, value]) => new Label({ key: text(key), str: text(value) }));
    const key = [...locationId, ...label.map(({ str }) => `=${str}`)].join(' ');
    const amount = added(samples.get(key)?.amount ?? { objects: 0, bytes: 0 }, row.amount);
    samples.set(key, { locationId, label, amount });
  }
  const space = text('space');
  const made = new Pprof({
    sampleType: [
      new ValueType({ type: text('objects'), unit: text('count') }),
      new ValueType({ type: space, unit: text('bytes') }),
    ],
    defaultSampleType: space,
    sample: [...samples.values()].map(
      ({ amount: { objects, bytes }, ...sample }) => new Sample({ ...sample, value: [objects, bytes] }),
    ),
    comment: [text(`kernel memory, ${moments[at]}`)],
    location: tables.locations,
    function: tables.functions,
    stringTable: tables.strings,
  });
  return promisify(gzip)(made.encode());
}

type NamedFrame = Readonly<{ name: string; file: string }>;

/** From the inside out. */
function framesOf(row: StackRow, at: Moment): NamedFrame[] {
  const entry = entryName(row);
  return [
    { name: leafName(row, at), file: '' },
    ...row.kernel.map((frame) => ({ name: frameName(frame), file: KERNEL })),
    ...(entry === null ? [] : [{ name: entry, file: '' }]),
    ...row.user.map((frame) => ({ name: frameName(frame), file: frame.file ?? '' })),
  ];
}

function labelsOf({ comm, call }: StackRow): [key: string, value: string][] {
  return [['comm', comm], ...(call === null ? [] : [['syscall', call] satisfies [string, string]])];
}

/** Each text, function and location is listed once. */
function createTables() {
  const strings = new StringTable();
  const functions: FunctionOfProfile[] = [];
  const locations: Location[] = [];
  const ids = new Map<string, number>();
  const text = (value: string): number => strings.dedup(visible(value));
  return {
    ...{ strings, functions, locations, text },
    /** Id of the location; that of its function is the same. */
    locationOf: (frame: NamedFrame): number => {
      const [name, filename] = [text(frame.name), text(frame.file)];
      const key = `${name} ${filename}`;
      const id = ids.get(key) ?? ids.size + 1;
      if (!ids.has(key)) {
        ids.set(key, id);
        functions.push(new FunctionOfProfile({ id, name, systemName: name, filename }));
        locations.push(new Location({ id, line: [new Line({ functionId: id })] }));
      }
      return id;
    },
  };
}
