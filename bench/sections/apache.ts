import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, findProgram, type Section } from '../bench.ts';
import { gated, gatedNames, kmemRun, output, strace, ungated, type Words } from '../commands.ts';
import { interleave } from '../interleave.ts';
import { combine, known, ratio, type Series } from '../statistics.ts';
import { figure, layOut, type Row, times } from '../table.ts';

const MODULES = '/usr/lib/apache2/modules';
const START_WITHIN_MS = 20_000;
const CONCURRENCY = '8';

type Server = Readonly<{ name: string; port: number; end: () => Promise<void> }>;
type Way = Readonly<{ name: string; wrap: (command: Words) => Words | null }>;

const ways: readonly Way[] = [
  { name: 'bare', wrap: (command) => command },
  { name: 'kmem-run --enforce none', wrap: (command) => kmemRun(ungated, command) },
  { name: 'gate', wrap: (command) => kmemRun(gated, command) },
  { name: 'strace', wrap: (command) => strace(gatedNames, command) },
];

/** One Apache for each way of running it, all at once, queried in turn: an idle one costs nothing. */
export const apache: Section = {
  name: 'apache',
  about: `Apache (event MPM, no keep-alive) under ab -c ${CONCURRENCY}: requests a second`,
  run: async (bench) => {
    const program = findProgram('apache2');
    const ab = findProgram('ab');
    if (program === null || ab === null) {
      bench.say('  apache2 or ab (apache2-utils) is not installed\n');
      return;
    }
    const servers: Server[] = [];
    try {
      for (const way of ways) {
        const server = await start(bench, way, program);
        if (server !== null) servers.push(server);
      }
      const variants = servers.map(({ name, port }) => ({ name, measure: () => requestsPerSecond(bench, ab, port) }));
      const measured = await interleave(variants, bench.quick ? 3 : 11);
      bench.say(layOut([['', 'requests/s', 'of bare', ''], ...servers.map(({ name }) => rowOf(name, measured))]));
    } finally {
      for (const server of servers) await server.end();
    }
  },
};

function rowOf(name: string, measured: Readonly<Record<string, Series>>): Row {
  const own = measured[name] ?? [];
  return [name, figure(known(own), '/s'), name === 'bare' ? '' : times(combine(own, measured.bare ?? [], ratio)), ''];
}

export function requestsPerSecond(bench: Bench, ab: string, port: number): number {
  const page = `http://127.0.0.1:${port}/index.html`;
  const said = output([ab, '-q', '-n', bench.quick ? '1000' : '4000', '-c', CONCURRENCY, page]);
  const failed = /^(?:Failed requests|Non-2xx responses):\s+([1-9]\d*)/m.exec(said);
  const rate = /^Requests per second:\s+([\d.]+)/m.exec(said)?.[1];
  if (failed !== null || rate === undefined) throw new Error(`ab: ${failed?.[0] ?? said}`);
  return Number(rate);
}

/** Null if the tool for this way is not installed. */
async function start(bench: Bench, { name, wrap }: Way, program: string): Promise<Server | null> {
  const port = await freePort();
  const { folder, file: configuration } = writeConfiguration(bench, port);
  const words = wrap([program, '-d', folder, '-f', configuration, '-D', 'FOREGROUND']);
  if (words === null) return null;
  const [file = '', ...args] = words;
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, LANG: 'C' } });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = (): void => stopServer(child, folder);
  bench.atEnd(stop);
  await untilAnswers(port, name, () => child.exitCode);
  return {
    name,
    port,
    end: async () => {
      stop();
      await ended;
    },
  };
}

/** Stops Apache itself, by its pid file: strace would leave it running. kmem-run exits when its command does. */
function stopServer(child: ChildProcess, folder: string): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (!stopByPidFile(folder)) child.kill('SIGTERM');
}

/** Whether the process existed. */
export function stopByPidFile(folder: string): boolean {
  try {
    process.kill(Number(readFileSync(join(folder, 'apache2.pid'), 'utf8')), 'SIGTERM');
    return true;
  } catch {
    return false;
  }
}

/** `exitCode`: null while the server runs, or if it is unknown. */
export async function untilAnswers(port: number, name: string, exitCode: () => number | null): Promise<void> {
  const deadline = performance.now() + START_WITHIN_MS;
  while (!(await answers(port))) {
    if (exitCode() !== null) throw new Error(`Apache (${name}) ended with ${exitCode()}`);
    if (performance.now() > deadline) throw new Error(`Apache (${name}) did not answer on port ${port}`);
    await sleep(20);
  }
}

function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

export function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** None of the system's configuration is read; all files are in the folder. */
export function writeConfiguration(bench: Bench, port: number): { folder: string; file: string } {
  const folder = join(bench.folder, `apache-${port}`);
  mkdirSync(join(folder, 'www'), { recursive: true });
  writeFileSync(join(folder, 'www', 'index.html'), 'a page\n'.repeat(1000));
  const file = join(folder, 'httpd.conf');
  const modules = ['mpm_event', 'authz_core', 'dir', 'mime'];
  writeFileSync(
    file,
    [
      ...modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
      'ServerName localhost',
      `Listen 127.0.0.1:${port}`,
      `DefaultRuntimeDir ${folder}`,
      `PidFile ${folder}/apache2.pid`,
      `ErrorLog ${folder}/error.log`,
      `Mutex file:${folder}`,
      'TypesConfig /dev/null',
      'KeepAlive Off',
      ...(process.getuid?.() === 0 ? ['User www-data', 'Group www-data'] : []),
      // As in Debian's: without it Apache looks for .htaccess in each folder above the page.
      '<Directory />',
      '  AllowOverride None',
      '</Directory>',
      `DocumentRoot ${folder}/www`,
      '',
    ].join('\n'),
  );
  return { folder, file };
}
