/** A server that starts fast, as a command and as a scenario. */

import { join } from 'node:path';

const SERVER = join(import.meta.dirname, '..', 'library', 'budget', 'server.js');

/** Its command, and options that wait for it and request a page. */
export function nodeServer() {
  return {
    options: ['--ready', 'http://127.0.0.1:${port}/', '--client', 'curl -sf http://127.0.0.1:${port}/'],
    command: ['--', process.execPath, SERVER, '${port}'],
  };
}

export function pythonServer() {
  return {
    options: ['--ready', 'tcp:${port}', '--client', 'curl -sf http://127.0.0.1:${port}/'],
    command: ['--', '/usr/bin/python3', '-m', 'http.server', '--bind', '127.0.0.1', '${port}'],
  };
}

/** `steps`: after the page; `settings`: further keys of the file. */
export function pageScenario({ settings = '', steps = '' } = {}) {
  return `description: a server gives a page
setUp: echo 'it works' > page
cleanUp: test -e page
${settings}
steps:
  - name: server
    run: exec /usr/bin/python3 -m http.server --bind 127.0.0.1 \${port}
    background: true
    ready: { port: '\${port}' }
  - name: a page
    http: http://127.0.0.1:\${port}/page
    expect: [status==200, body~/it works/]
${steps}
`;
}
