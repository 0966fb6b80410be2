/** `kmem-run scenario list`, `check`, `new` and `schema`: about the files; nothing is run. */

import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { openPlace } from '../host/open-place.ts';
import { packageFolder } from '../host/package-folder.ts';
import { print } from '../host/print.ts';
import {
  ALL_FOLDERS,
  defaultFolders,
  findScenarios,
  isInLibrary,
  type ScenarioFolder,
  shownPath,
} from '../scenario/find.ts';
import { mistakeText } from '../scenario/issues.ts';
import { missingFor } from '../scenario/needs.ts';
import type { Scenario } from '../scenario/types.ts';
import { wrap } from '../text/layout.ts';
import { quote } from '../text/quote.ts';
import { columns, cut, padded, visible } from '../text/visible.ts';
import type { Given } from './read-options.ts';

const TITLE_LENGTH = 200;
/** The minimum width of a title beside the names. */
const NARROWEST = 40;

function find({ positionals: words, strings, booleans }: Given, inNone: readonly ScenarioFolder[]) {
  const library = booleans.get('library') ?? false;
  const folders = words.length === 0 && !library ? inNone : defaultFolders(words, library);
  return findScenarios({ words, folders, tags: strings.get('tag') ?? [], filters: strings.get('filter') ?? [] });
}

export async function listScenarios(given: Given): Promise<number> {
  const { scenarios, mistakes } = find(given, ALL_FOLDERS);
  for (const mistake of mistakes) process.stderr.write(mistakeText(mistake));
  if (given.booleans.get('json')) {
    const rows = await Promise.all(
      scenarios.map(async (each) => ({ ...described(each), missing: await missing(each) })),
    );
    await print(`${JSON.stringify(rows, null, 2)}\n`);
  } else {
    const width = Math.max(0, ...scenarios.map(({ name }) => columns(visible(name))));
    const [library, own] = [scenarios.filter(isInLibrary), scenarios.filter((each) => !isInLibrary(each))];
    await print(await listText(own, width));
    if (library.length > 0 && given.positionals.length === 0)
      await print(`${own.length > 0 ? '\n' : ''}library (run one by its name, all with --library):\n`);
    await print(await listText(library, width));
  }
  return mistakes.length === 0 ? 0 : 1;
}

async function listText(scenarios: readonly Scenario[], width: number): Promise<string> {
  const room = Math.max(NARROWEST, (process.stdout.columns || 80) - width - 2);
  const blocks = scenarios.map(async (scenario) => {
    const title = `${cut(described(scenario).title, TITLE_LENGTH)}${tagsText(scenario)}`;
    const lacks = (await missing(scenario)).map((lack) => `missing: ${visible(lack)}`);
    const [first = '', ...others] = [title, ...lacks].flatMap((text) => wrap(text, room));
    const below = others.map((line) => `${' '.repeat(width + 2)}${line}\n`);
    return `${padded(visible(scenario.name), width)}  ${first}\n${below.join('')}`;
  });
  return (await Promise.all(blocks)).join('');
}

function missing(scenario: Scenario): Promise<string[]> {
  return missingFor(scenario, scenario.kernels[0]);
}

function described({ name, file, description, tags, kernels }: Scenario) {
  return {
    name,
    file: shownPath(file),
    library: isInLibrary({ file }),
    title: description.split('\n')[0] ?? '',
    description,
    tags,
    kernels,
  };
}

function tagsText({ tags }: Scenario): string {
  return tags.length === 0 ? '' : `  [${tags.map(visible).join(', ')}]`;
}

/** 0 all are valid scenarios, 1 some have errors. */
export async function checkScenarios(given: Given): Promise<number> {
  const { scenarios, mistakes } = find(given, ['own']);
  for (const mistake of mistakes) await print(mistakeText(mistake));
  const wrong = new Set(mistakes.map(({ file }) => file)).size;
  await print(`${scenarios.length} valid${wrong > 0 ? `, ${wrong} invalid` : ''}\n`);
  return wrong === 0 ? 0 : 1;
}

export async function printSchema(given: Given): Promise<number> {
  refuseWords(given, 0);
  const { scenarioJsonSchema } = await import('../scenario/schema.ts');
  await print(`${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`);
  return 0;
}

export async function newScenario(given: Given): Promise<number> {
  refuseWords(given, 1);
  const [name] = given.positionals;
  if (name === undefined || !/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    const hint = 'use kmem-run scenario new NAME, with letters, digits, - and .';
    throw new SetupError(
      'bad-name',
      name === undefined ? 'scenario new requires a name' : `invalid file name: ${quote(name)}`,
      hint,
    );
  }
  const folder = 'scenarios';
  const file = join(folder, `${name}.yaml`);
  try {
    const place = openPlace(file, { makesFolders: true });
    const schema = relative(folder, join(packageFolder(), 'docs', 'scenario.schema.json'));
    try {
      writeFileSync(place.path, template(schema), { flag: 'wx' });
    } finally {
      place.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new SetupError('file-exists', `${file} already exists`, 'use another name');
    throw new SetupError(
      'not-written',
      `${file} cannot be written (${errnoOf(error)})`,
      'change to a working directory that you can write to',
    );
  }
  await print(`${file}\nnext: kmem-run scenario run ${name}\n`);
  return 0;
}

function refuseWords({ positionals }: Given, most: number): void {
  const stray = positionals[most];
  if (stray !== undefined)
    throw new SetupError('unexpected-argument', `unexpected argument ${quote(stray)}`, 'see kmem-run scenario --help');
}

function template(schema: string): string {
  return `# yaml-language-server: $schema=${schema}
description: |
  What this scenario shows, in one line.
  Then the reason. docs/reference/scenarios.md lists all keys; the keys below are for a server.
tags: [example]
needs:
  commands: [python3]
  packages: [python3]
limits:
  kmem: 4M
timeout: 30s
setUp: echo 'it works' > index.html
steps:
  - name: server
    run: exec python3 -m http.server --bind 127.0.0.1 \${port}
    background: true
    ready: { http: 'http://127.0.0.1:\${port}/', within: 10s }
  - name: a page
    http: http://127.0.0.1:\${port}/
    expect: [status==200, body~/it works/]
expect: failcnt==0
`;
}
