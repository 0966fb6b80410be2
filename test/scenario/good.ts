/** Valid scenario files, for tests that introduce mistakes into them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', '..', 'scenarios');

const EVERY_KEY = `name: every-key
description: all that there is
tags: [one, two.three]
needs: { commands: [sh], packages: base-files, files: /etc/passwd, linux: 5.9, root: false, cgroup: v1 }
kernels: [host, '5.10']
on: { '5.10': { limits: { kmem: 2M }, timeout: 2m, expect: failcnt==0 } }
setUp: ['echo \${dir}', 'echo \${port} \${HOME}']
cleanUp: rm -f \${dir}/x
limits: { kmem: 1M, mem: 20M, memsw: 20M, kmemTcp: null, pids: 30 }
steps:
  - { name: serve, run: [serve, '\${port.web}'], background: true, ready: { port: '\${port.web}', within: 5s }, env: { A: 1 } }
  - run: ask $\${dir} \${x}
    outside: true
    cwd: sub
    ready: { log: '^up', file: log }
    timeout: 3s
    expect: [exit==0, stdout~/a/]
  - http: { url: 'http://127.0.0.1:\${port}/', method: post, headers: { Host: x }, body: b }
    within: 2s
    expect: status==200
  - { signal: HUP, to: { step: serve } }
  - { limits: { kmem: 2M, pids: null } }
  - wait: { step: serve, within: 1s }
  - wait: empty
expect: [kmem.maxUsage<=2M, 'steps[2].http.status==200']
repeat: 2
baseline: { file: own.baseline.yaml, tolerance: { kmem: 5%, failcnt: '3' } }
timeout: null
enforce: gate
reserve: 8K
onOverrun: note
grace: 1s
sample: off
env: &shared { B: two }
clearEnv: true
`;

/** The text of each, by a name. */
export const goodFiles: ReadonlyMap<string, string> = new Map([
  ['every-key.yaml', EVERY_KEY],
  ...readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const),
]);
