/** A test's own Debian mirror: signed lists, packages, and a server that can be made to fail. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { arch, packDeb, type Tree, write, writeDeb } from './parts.ts';

/** Keys as apt requires them, and a function to sign with them. */
export type Keys = Readonly<{ keyring: string; sign: (text: string) => string }>;

/** Keys in a separate folder; close() removes it. */
export function makeKeys(): Keys & Readonly<{ close: () => void }> {
  const home = mkdtempSync(join(tmpdir(), 'kmem-run-keys-'));
  const options = ['--homedir', home, '--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', ''];
  const gpg = (args: readonly string[], input = ''): Buffer =>
    execFileSync('gpg', [...options, ...args], { input, stdio: 'pipe' });
  gpg(['--quick-generate-key', 'test <test@localhost>', 'rsa3072', 'sign', 'never']);
  return {
    keyring: write(join(home, 'keyring.gpg'), gpg(['--export'])),
    sign: (text) => gpg(['--clearsign', '--digest-algo', 'SHA256'], text).toString(),
    close: () => {
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'all'], { stdio: 'ignore' });
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export type More = Readonly<{
  /** The rule that makes a module, in the headers' Makefile; absent: there are no headers. */
  rule?: string | undefined;
  /** Absent: `linux-image`. */
  meta?: string | undefined;
}>;

/** A suite of a mirror: the kernel's package, the metapackage that names it, and its headers. */
export function writeSuite(
  root: string,
  suite: string,
  tree: Tree,
  keys: Keys,
  { rule, meta: metaName = 'linux-image' }: More = {},
): { deb: string } {
  const pool = join(root, 'pool');
  mkdirSync(pool, { recursive: true });
  const { release, version } = tree.made;
  const deb = writeDeb(pool, tree);
  const depends = `Depends: linux-image-${release} (= ${version})`;
  const meta = packDeb(pool, join(root, 'meta-root'), `${metaName}-${arch}`, version, [depends]);
  const headers = rule === undefined ? [] : writeHeaders(pool, tree.made, rule);
  const packages = [deb, meta, ...headers].map((file) => paragraph(file)).join('\n');
  const list = `main/binary-${arch}/Packages`;
  write(join(root, 'dists', suite, list), packages);
  const sum = createHash('sha256').update(packages).digest('hex');
  const lines = [
    `Origin: Debian`,
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Date: ${new Date().toUTCString()}`,
    `Architectures: ${arch}`,
    'Components: main',
    'SHA256:',
    ` ${sum} ${Buffer.byteLength(packages)} ${list}`,
  ];
  write(join(root, 'dists', suite, 'InRelease'), keys.sign(`${lines.join('\n')}\n`));
  return { deb };
}

/** As Debian's: two packages with a Makefile each, of which one includes the other by its absolute path, and the tools. */
function writeHeaders(pool: string, { release, version }: Tree['made'], rule: string): string[] {
  const [own, common, tools] = [
    `linux-headers-${release}`,
    `linux-headers-${release}-common`,
    `linux-kbuild-${release}`,
  ];
  const pack = (name: string, text: string, depends: string[]): string => {
    const root = join(pool, `${name}-root`);
    write(join(root, 'usr', 'src', name, 'Makefile'), text);
    return packDeb(pool, root, name, version, depends);
  };
  return [
    pack(own, `include /usr/src/${common}/Makefile\n`, [`Depends: ${common} (= ${version}), ${tools}, gcc-99`]),
    pack(common, `modules:\n\t${rule}\n`, []),
    packDeb(pool, join(pool, `${tools}-root`), tools, version, []),
  ];
}

function paragraph(deb: string): string {
  const control = execFileSync('dpkg-deb', ['--field', deb]).toString();
  const sum = createHash('sha256').update(readFileSync(deb)).digest('hex');
  return `${control}Filename: pool/${basename(deb)}\nSize: ${statSync(deb).size}\nSHA256: ${sum}\n`;
}

export type Served = Readonly<{
  url: string;
  /** The requests so far: path, and the range if there was one. */
  requests: readonly Readonly<{ path: string; range: string | null }>[];
  close: () => Promise<void>;
}>;

export type RepositoryAnswer =
  /** Everything up to this byte of a package, and then the connection is cut. */
  | Readonly<{ cutAt: number }>
  /** Everything up to this byte of a package, and then nothing more. */
  | Readonly<{ hangAt: number }>
  | 'missing'
  | 'refused'
  | 'whole';

/** Serves `root`. `answer` decides for each request. */
export async function serve(
  t: ExecutionContext,
  root: string,
  answer: (path: string) => RepositoryAnswer = () => 'whole',
): Promise<Served> {
  const requests: { path: string; range: string | null }[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    requests.push({ path, range: request.headers.range ?? null });
    respond(join(root, path), request, response, answer(path));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  t.teardown(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, close };
}

const lastModified = new Date('2026-01-01T00:00:00Z').toUTCString();

function respond(file: string, request: IncomingMessage, response: ServerResponse, answer: RepositoryAnswer): void {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (answer === 'missing' || stat === undefined || !stat.isFile()) {
    response.writeHead(404, { 'content-length': 0 }).end();
    return;
  }
  if (answer === 'refused') {
    response.writeHead(403, { 'content-length': 0 }).end();
    return;
  }
  const content = readFileSync(file);
  const isFresh = request.headers['if-range'] === undefined || request.headers['if-range'] === lastModified;
  const from = isFresh ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
  const headers = { 'last-modified': lastModified, 'accept-ranges': 'bytes' };
  if (from > 0 && from >= content.length) {
    response.writeHead(416, { ...headers, 'content-range': `bytes */${content.length}`, 'content-length': 0 }).end();
    return;
  }
  const range = from > 0 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {};
  response.writeHead(from > 0 ? 206 : 200, { ...headers, ...range, 'content-length': content.length - from });
  if (answer === 'whole') {
    response.end(content.subarray(from));
    return;
  }
  const until = 'cutAt' in answer ? answer.cutAt : answer.hangAt;
  response.write(content.subarray(from, Math.max(from, until)), () => {
    if ('cutAt' in answer) setTimeout(() => response.destroy(), 200);
  });
}
