import test from 'ava';
import { listJson, listText } from '../../src/commands/kernel-report.ts';
import type { Kernel } from '../../src/kernels/types.ts';

function listed(name: string, release: string, path: string | null) {
  const native = path === null ? { path, reason: 'no gcc', hint: 'install it' } : { path, reason: null, hint: null };
  const kernel: Kernel = {
    ...{ name, release, version: release, arch: 'x86_64', image: '/k/vmlinux', modules: [], native, folder: '/k' },
    ...{ source: 'a package', addedAt: '2026-12-01T00:00:00.000Z', bytes: 4096 },
  };
  return { name, kernel, problems: [], mend: null };
}

const kernels = [
  listed('5.10', '5.10.0-46-amd64', null),
  listed('6.1', '6.1.0-57-amd64', '/k/kmem_native.ko'),
  listed('own', '6.1.192', null),
];

test('the list says how --enforce native works with each kernel', (t) => {
  const column = listText(kernels, [])
    .trimEnd()
    .split('\n')
    .map((row) => row.split(/ {2,}/)[3]);
  t.deepEqual(column, ['NATIVE', 'kernel', 'module', 'no']);
  const shown = JSON.parse(listJson(kernels, [])).kernels;
  t.deepEqual(
    shown.map(({ native }: { native: string }) => native),
    ['kernel', 'module', 'no'],
  );
});
