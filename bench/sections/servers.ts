import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { added } from '../../src/result/profile-parts.ts';
import type { Profile, Result } from '../../src/result/schema.ts';
import { formatSize, groupDigits } from '../../src/text/figures.ts';
import { type Bench, findProgram, type Section } from '../bench.ts';
import { kmemRun, output, ungated, type Words } from '../commands.ts';
import { writeConfiguration } from './apache.ts';

const PORT = 18_080;
const KINDS = 5;

/** `version`: prints a line that contains the version. */
type Server = Readonly<{ command: Words; client: string; version: Words }>;

/** A table in Markdown: docs/reference/profile.md contains it. */
export const servers: Section = {
  name: 'servers',
  about: `profiles of servers under load, as a table in Markdown (Linux ${release()})`,
  onlyByName: true,
  run: async (bench) => {
    const kinds = Array.from({ length: KINDS }, (_, at) => `${at + 1}`);
    bench.say(`\n| server | peak | explained | ${kinds.join(' | ')} |\n|${' --- |'.repeat(KINDS + 3)}\n`);
    for (const [name, prepare] of Object.entries(preparations)) bench.say(rowFor(bench, name, prepare));
  },
};

const preparations: Readonly<Record<string, (bench: Bench) => Server | null>> = {
  Apache: prepareApache,
  nginx: prepareNginx,
  Redis: prepareRedis,
  PostgreSQL: preparePostgres,
  'Node.js': prepareNode,
};

function rowFor(bench: Bench, name: string, prepare: (bench: Bench) => Server | null): string {
  const server = prepare(bench);
  if (server === null) return `| ${name} | not installed |${' |'.repeat(KINDS + 1)}\n`;
  const { command, client, version } = server;
  const options = [...ungated, '--profile', '--json', '-', '--output', 'null', '--ready', `tcp:${PORT}`];
  const result: Result = JSON.parse(output(kmemRun([...options, '--client', client], command)));
  const failed = result.steps.find(({ kind, exit }) => kind === 'outside' && exit?.code !== 0);
  if (failed !== undefined || result.profile === null) throw new Error(`${name}: its client failed`);
  return `| ${[`${name} ${versionIn(version)}`, ...cellsOf(result.profile)].join(' | ')} |\n`;
}

function versionIn([file = '', ...args]: Words): string {
  const said = execFileSync('sh', ['-c', 'exec "$@" 2>&1', 'sh', file, ...args], { encoding: 'utf8' });
  return /\d+\.\d+(?:\.\d+)*/.exec(said)?.[0] ?? '';
}

function cellsOf({ peak, rows }: Profile): string[] {
  const { usage, explained } = peak;
  const live = rows.filter(({ atPeak }) => atPeak.bytes > 0);
  const kinds = [...Map.groupBy(live, ({ what }) => what)]

    .map(([what, own]) => ({
      what: own.every(({ isCounted }) => isCounted) ? what : `${what}*`,
      ...own.map(({ atPeak }) => atPeak).reduce(added),
    }))
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, KINDS);
  const share = usage === null ? '—' : `${((100 * explained) / usage).toFixed(1)} %`;
  const cells = kinds.map(({ what, bytes, objects }) => `${what} ${formatSize(bytes)} (${groupDigits(objects)})`);
  return [usage === null ? '—' : formatSize(usage), share, ...cells];
}

function prepareApache(bench: Bench): Server | null {
  const [program, ab] = [findProgram('apache2'), findProgram('ab')];
  if (program === null || ab === null) return null;
  const { folder, file } = writeConfiguration(bench, PORT);
  return {
    command: [program, '-d', folder, '-f', file, '-D', 'FOREGROUND'],
    client: requests(bench, ab, '/index.html'),
    version: [program, '-v'],
  };
}

function prepareNginx(bench: Bench): Server | null {
  const [program, ab] = [findProgram('nginx'), findProgram('ab')];
  if (program === null || ab === null) return null;
  const folder = join(bench.folder, 'nginx');
  mkdirSync(join(folder, 'www'), { recursive: true });
  writeFileSync(join(folder, 'www', 'index.html'), 'a page\n'.repeat(1000));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; user www-data; worker_processes 2; pid ${folder}/pid; events {}
     http { access_log off; ${paths.join(' ')} server { listen 127.0.0.1:${PORT}; root ${folder}/www; } }\n`,
  );
  return {
    command: [program, '-p', folder, '-e', join(folder, 'log'), '-c', join(folder, 'nginx.conf')],
    client: requests(bench, ab, '/index.html'),
    version: [program, '-v'],
  };
}

function prepareRedis(bench: Bench): Server | null {
  const [program, benchmark] = [findProgram('redis-server'), findProgram('redis-benchmark')];
  if (program === null || benchmark === null) return null;
  const count = bench.quick ? 10_000 : 50_000;
  return {
    command: [program, '--port', String(PORT), '--bind', '127.0.0.1', '--save', '', '--dir', bench.folder],
    client: `${benchmark} -q -p ${PORT} -c 50 -n ${count} -r 10000 -t set,get,lpush`,
    version: [program, '--version'],
  };
}

function preparePostgres(bench: Bench): Server | null {
  const bin = globSync('/usr/lib/postgresql/*/bin').toSorted().at(-1);
  const setpriv = findProgram('setpriv');
  if (bin === undefined || setpriv === null) return null;
  const folder = join(bench.folder, 'postgresql');
  execFileSync('install', ['-d', '-o', 'postgres', '-g', 'postgres', folder]);
  const asPostgres = [setpriv, '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups', 'env', `HOME=${folder}`];
  output([...asPostgres, join(bin, 'initdb'), '--no-sync', '-A', 'trust', '-D', join(folder, 'data')]);
  const pgbench = `${join(bin, 'pgbench')} -h 127.0.0.1 -p ${PORT} -U postgres`;
  const server = [join(bin, 'postgres'), '-D', join(folder, 'data'), '-p', String(PORT), '-k', folder];
  return {
    command: [...asPostgres, ...server],
    // It answers before it is ready.
    client: `until ${join(bin, 'pg_isready')} -h 127.0.0.1 -p ${PORT}; do sleep 0.1; done; ${pgbench} -q -i postgres && ${pgbench} -c 8 -j 2 -T ${bench.quick ? 3 : 10} postgres`,
    version: [join(bin, 'postgres'), '--version'],
  };
}

function prepareNode(bench: Bench): Server | null {
  const ab = findProgram('ab');
  if (ab === null) return null;
  const script = `require('node:http').createServer((_, response) => response.end('a page')).listen(${PORT}, '127.0.0.1')`;
  return {
    command: [process.execPath, '-e', script],
    client: requests(bench, ab, '/'),
    version: [process.execPath, '--version'],
  };
}

function requests(bench: Bench, ab: string, path: string): string {
  return `${ab} -q -n ${bench.quick ? 2000 : 10_000} -c 32 http://127.0.0.1:${PORT}${path}`;
}
