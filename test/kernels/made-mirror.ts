/** A mirror of the test's own, with its own keys and two kernels. */

import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { debian12, type MadeKernel, write } from './parts.ts';
import { makePlace, type Place } from './place.ts';
import { type More, makeKeys, type RepositoryAnswer, type Served, serve, writeSuite } from './repository.ts';

export const old: MadeKernel = { release: '6.1.0-9-test', version: '6.1.99-1', padding: randomBytes(1 << 20) };
export const fresh: MadeKernel = { release: '6.1.0-10-test', version: '6.1.100-1', padding: randomBytes(1 << 20) };

export let keys: ReturnType<typeof makeKeys>;
test.before(() => {
  keys = makeKeys();
});
test.after.always(() => keys?.close());

export type Mirror = Place &
  Served &
  Readonly<{
    /** Adds a kernel to a suite of `debian` or `debian-security`. */
    put: (root: string, suite: string, made: MadeKernel, more?: More) => string;
    answers: (answer: (path: string) => RepositoryAnswer) => void;
    fetch: (options?: Parameters<Place['add']>[2], name?: string) => ReturnType<Place['add']>;
    /** The requests for packages since the last call. */
    ranges: () => (string | null)[];
  }>;

export async function makeMirror(t: ExecutionContext): Promise<Mirror> {
  const place = makePlace(t);
  let answer: (path: string) => RepositoryAnswer = () => 'whole';
  const served = await serve(t, place.path('mirror'), (path) => answer(path));
  let seen = 0;
  return {
    ...place,
    ...served,
    put: (root, suite, made, more) =>
      writeSuite(place.path('mirror', root), suite, { made, modules: debian12 }, keys, more).deb,
    answers: (given) => {
      answer = given;
    },
    fetch: (options, name = '6.1') =>
      place.add(name, { way: 'mirror', url: `${served.url}/debian` }, { keyring: keys.keyring, ...options }),
    ranges: () => {
      const fetched = served.requests.slice(seen).filter(({ path }) => path.endsWith('.deb'));
      seen = served.requests.length;
      return fetched.map(({ range }) => range);
    },
  };
}

/** The configuration of an apt that knows this mirror, or no mirror. */
export function configureApt(place: Place, sources: string): void {
  const lines = [
    'Acquire::Retries "0";',
    `Dir::Etc::sourcelist "${place.path('sources.list')}";`,
    'Dir::Etc::sourceparts "/dev/null";',
  ];
  write(place.path('sources.list'), sources);
  write(place.path('apt.conf'), `${lines.join('\n')}\n`);
}

/** No mirror is named. */
export const noWay = { way: 'mirror', url: null } as const;
