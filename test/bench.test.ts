import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';

const root = join(import.meta.dirname, '..');

function bench(...words: string[]) {
  return execa(process.execPath, [join(root, 'bench', 'main.ts'), ...words], {
    cwd: root,
    reject: false,
    timeout: 120_000,
  });
}

test('the bench prints ratios with their spread, beside the goal', async (t) => {
  const { stdout, stderr, exitCode } = await bench('--quick', 'launch');
  t.deepEqual({ stderr, exitCode }, { stderr: '', exitCode: 0 });
  const number = String.raw`\d+(?:\.\d+)?`;
  const spread = String.raw`\(${number}–${number}\)`;
  t.regex(stdout, new RegExp(`^ *node -e 0 +${number} ms ${spread} +${number} × ${spread}$`, 'm'));
  t.regex(
    stdout,
    new RegExp(`^ *kmem-run --kmem 64M +${number} ms ${spread} +goal ≤ 2\\.8 × node -e 0: (met|missed)$`, 'm'),
  );
  t.regex(stdout, /^ *cgexec -g memory:GROUP +(\d|—.*not installed|—.*no cgroup)/m);
});

test('for an unknown section the names are listed and nothing is measured', async (t) => {
  const { stdout, stderr, exitCode } = await bench('lunch');
  t.deepEqual({ stdout, exitCode }, { stdout: '', exitCode: 2 });
  t.regex(stderr, /^bench: no section lunch\nusage: .*\n {2}launch /);
});
