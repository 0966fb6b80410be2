/**
 * User-facing texts (the pages, the man pages, --help and the texts of src) contain no phrases that read as if
 * translated. Comments are excluded. Each pattern is listed with a phrase that it once replaced.
 */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { transform } from 'esbuild';
import { readManual } from '../src/commands/index.ts';

const root = join(import.meta.dirname, '..');

const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\bmeasure and use besides\b|\b(?:holds?|applies) besides\b/, 'the limit holds besides'],
  [/\b(?:limits it|runs) no more\b/, 'the kernel counts kernel memory and limits it no more'],
  [/\bit was so in\b|\blook for yours\b/i, 'at this limit it was so in 5 of 8 tries'],
  [/\bthat the command writes stays\b/, 'Nothing that the command writes stays, but in folders given by `--rw`'],
  [/\bthat of the first step that\b/, 'that of the first step that did not exit with 0'],
  [/\btr(?:y|ies) each thing that\b/i, 'tries each thing that a run needs'],
  [/\bsays? what to do about\b/, 'says what to do about what is missing'],
  [/\b(?:size|line|plan) that is none\b|\bline of (?:reason|remedy)\b/, 'a size that is none'],
  [/\bis o(?:n|ff) by `?--/, 'A flag that is on by `--aslr` is off by `--no-aslr`'],
  [/\bof a figure that\b|\bnothing holds but\b/i, 'Of a figure that is not known nothing holds but `==null`'],
  [/\bneeds saying\b/, 'a step that is meant to fail needs saying so'],
  [/\bmemory of the world\b/, 'with all the memory of the world at hand'],
  [/\btext that is no\b|\b(?:that|which) there (?:is|are) not\b/, 'a step that there is not'],
  [/\bis (?:named|called|known) by is\b/, 'What a call is named by is its address'],
  [/\bas if nothing had been\b/, 'ended as if nothing had been, and was not'],
  [/\bmakes? good an?\b/, 'A message does not make good a wrong result'],
  [/\bis no fault of\b/, 'That is no fault of `sleep`'],
  [/\bare no difference\b/, 'New lines on stderr are no difference, lines that are missing are'],
  [/\bvar(?:y|ies) of itself\b|\bto run of itself\b/, 'tell what varies of itself'],
  [/\bhas it another way\b|\bmakes? do(?: with)?\b(?! not)/, 'the machine has it another way, and a run makes do'],
  [/\band that is said\b|\bis said to be so\b/, 'there is nothing to write, and that is said'],
  [/\btold, and passed\b/, 'told, and passed'],
  [/\bno file nothing is\b|\bnothing is said\b/i, 'Where there is no file nothing is said'],
  [/\bsays what it took\b/, 'A baseline says what it took when it was last looked at'],
  [/\bbegins? none after\b/, 'begin none after one that did not pass'],
  [/\b(?:came|comes?|become|became) of (?:it|them|this)\b/, 'what has to come of it'],
  [/\bmachine['’]s mood\b/, "the machine's mood"],
  [/\bwhat it makes of\b/, 'and see what it makes of it'],
  [/\bwhat makes (?:a|that) shell\b/, 'print what makes a shell complete all this'],
  [/\bvalue is missing\b/, '--kmem: its value is missing'],
  [/\b(?:can|cannot|could not|may) be told\b/, 'which one was meant cannot be told'],
  [/\bstands? beside\b/, '--no-keep stands beside --store'],
  [/\bone word too many\b/, '"x" is one word too many'],
  [/\b(?:came|comes?) to (?:no|an) end\b|\bno end that was seen\b/, 'came to no end that was seen'],
  [/\b(?:did|does) not get on\b/, 'spun at the limit and did not get on'],
  [/\btold nothing\b/, 'was started and told nothing'],
  [/\bwithout a word\b|\bno word from\b/, 'died without a word'],
  [/\blast that the \w+ said\b/, 'the last that the microVM said'],
  [/\berror of kmem-run['’]s own\b/, "an error of kmem-run's own"],
  [/\b(?:made|bisected) to (?:the|its) end\b/, 'was not bisected to the end'],
  [/\belsewhere, in case\b/, '9 elsewhere, in case passing is not monotonic'],
  [
    /(?:^|[\s'"`])mend(?:s|ed)?(?: it| this| them| what|,)|\band mend\b/,
    'mend it, or tell by --expect what passing is',
  ],
  [/\btell by `?--/, 'mend it, or tell by --expect what passing is'],
  [/\bamiss\b|\bmay tell (?:what|more)\b|\btells more\b/, 'doctor may tell what is amiss'],
  [/\bfrom the truth\b|\bkeeps to itself\b/, 'How far a reading may be from the truth: what each CPU keeps to itself'],
  [/\bfails it was luck\b|\bmatter of luck\b/, 'Where the greater one fails it was luck'],
  [/\bstore that does not take\b/, 'No result is lost with a store that does not take it'],
  [/\bare possible and warned\b/, 'More jobs than CPUs are possible and warned about'],
  [/\bis also what fails\b/, 'Handled is also what fails without a word'],
  [/\bg(?:o|oes|one) on (?:with|from there)\b/, 'it cannot be gone on with'],
  [/\bis told to be\b/, 'How a run is told to be gone'],
  [/\bwords that there are\b/, 'Tell a lock that cannot be had in the words that there are'],
  [/\b(?:can|cannot|could not|to) be had\b/, 'Tell a lock that cannot be had in the words that there are'],
  [/["'”] is no (?!longer\b|more\b)\w+/, '"x" is no format'],
  [/\b(?:is|are) nothing that\b/, '"x" is nothing that kernel does'],
  [/\b(?:what|all that|none) is kept\b/i, 'kmem-run history lists what is kept'],
  [/\b(?:runs?|results?|experiments?) that (?:is|are) kept\b/, 'compare runs that are kept'],
  [/\bnothing (?:is )?kept (?:is|that)\b/i, 'nothing is kept that is asked for'],
  [/\b(?:no|some)body (?:listens|reads|killed|stopped)\b/i, 'nobody listens on 127.0.0.1:80'],
  [/\b(?:does not|do not) come to\b|\bcomes? to (?:more|whole)\b/, 'does not come to whole bytes'],
  [/\b(?:is|are) there already\b/, 'the file is there already'],
  [/\bat most so many\b/, 'at most so many calls'],
  [/\bexit codes?\b/, 'failed with exit code 1'],
];

/** User-facing texts, by location: with the lines joined, so that phrases are found across them. */
async function readTexts(): Promise<Map<string, string>> {
  const pages = ['README.md', ...globSync(['docs/**/*.{md,json}', 'man/*'], { cwd: root })];
  const sources = globSync('src/**/*.ts', { cwd: root });
  const help = (await readManual()).map((page) => [`${page.name} --help`, JSON.stringify(page)] as const);
  const codes = sources.map(async (file) => [file, await withoutComments(read(file))] as const);
  return new Map([...pages.map((file) => [file, read(file)] as const), ...help, ...(await Promise.all(codes))]);
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Concatenated literals become one; names contain no blanks, and so no phrases. */
async function withoutComments(code: string): Promise<string> {
  return (await transform(code, { loader: 'ts', minifySyntax: true, legalComments: 'none', charset: 'utf8' })).code;
}

function phrasesIn(text: string): string[] {
  const joined = text.replaceAll(/\\n|\s+/g, ' ');
  return PHRASES.flatMap(([pattern]) =>
    [...joined.matchAll(new RegExp(pattern, `${pattern.flags}g`))].map(({ index, 0: found }) =>
      joined.slice(Math.max(0, index - 30), index + found.length + 30),
    ),
  );
}

test('user-facing text contains no phrase that reads as if translated', async (t) => {
  const texts = await readTexts();
  t.true(texts.size > 300, 'pages, help and sources are read');
  const found = [...texts].flatMap(([place, text]) => phrasesIn(text).map((phrase) => `${place}: ${phrase}`));
  t.deepEqual(found, []);
});

test('each pattern matches the phrase that it replaced', async (t) => {
  for (const [pattern, phrase] of PHRASES) t.regex(phrase, pattern);
  t.deepEqual(phrasesIn('What a call is\nnamed by is its address.').length, 1, 'across lines of a page');
  const code = "throw new Error('bisect: ' +\n  'its value is ' + 'missing');";
  t.deepEqual(phrasesIn(await withoutComments(code)).length, 1, 'in a text of two literals');
});

test('comments and plain words are left alone', async (t) => {
  t.deepEqual(phrasesIn(await withoutComments('// mend it\n/** without a word */\nexport const mend = 1;')), []);
  const plain =
    '--kmem requires a value; fix it; no such file: "x"; the calls that programs make do not fail; "x" is no longer';
  t.deepEqual(phrasesIn(plain), []);
});

test('the lists in .cspell.json are sorted and free of duplicates', (t) => {
  const { words, overrides } = JSON.parse(read('.cspell.json'));
  for (const list of [
    words,
    ...overrides.map((one: { words?: string[]; flagWords?: string[] }) => one.words ?? one.flagWords),
  ])
    t.deepEqual(list, [...new Set(list as string[])].toSorted());
});
