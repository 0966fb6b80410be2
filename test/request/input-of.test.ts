import test from 'ava';
import fc from 'fast-check';
import { normaliseSpec, type RunInput } from '../../src/request/normalise.ts';
import { inputOf } from '../../src/request/run-input.ts';

const text = fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme-ascii' });
const size = fc.integer({ min: 4096, max: 2 ** 40 });
function maybe<T>(arbitrary: fc.Arbitrary<T>) {
  return fc.option(arbitrary, { nil: undefined });
}

const inputs = fc.record({
  command: fc.array(text, { minLength: 1, maxLength: 3 }),
  then: maybe(fc.array(text, { maxLength: 2 })),
  kmem: maybe(size),
  mem: maybe(size),
  kmemTcp: maybe(size),
  pids: maybe(fc.integer({ min: 1, max: 1000 })),
  enforce: maybe(fc.constantFrom('auto', 'gate')),
  kernel: maybe(fc.constantFrom(null, '5.10')),
  cgroup: maybe(fc.constantFrom('v1', 'v2')),
  reserve: maybe(size),
  errno: maybe(fc.constantFrom('native', 'enomem')),
  reclaim: maybe(fc.boolean()),
  rcuWait: maybe(fc.boolean()),
  profile: maybe(fc.boolean()),
  allowIoUring: maybe(fc.boolean()),
  onOverrun: maybe(fc.constantFrom('note', 'kill')),
  onEscape: maybe(fc.constantFrom('note', 'kill')),
  onFault: maybe(fc.constantFrom('sigbus', 'kill', 'note')),
  timeout: maybe(fc.integer({ min: 1, max: 1e6 })),
  grace: maybe(fc.integer({ min: 0, max: 1e6 })),
  hold: maybe(fc.integer({ min: 0, max: 1e6 })),
  quietFor: maybe(fc.integer({ min: 1, max: 1e6 })),
  quietLimit: maybe(fc.integer({ min: 1, max: 1e6 })),
  wait: maybe(fc.constantFrom('quiet', 'exit', 'empty')),
  expect: maybe(fc.constantFrom(['exit==0'], ['failcnt>0', 'stderr~/x/'])),
  cpus: maybe(fc.constantFrom(null, '0')),
  aslr: maybe(fc.boolean()),
  user: maybe(fc.constantFrom(null, 'nobody', 0)),
  cwd: maybe(fc.constantFrom('/', '/tmp')),
  env: maybe(fc.dictionary(fc.stringMatching(/^[A-Z]{1,4}$/), text)),
  clearEnv: maybe(fc.boolean()),
  output: maybe(fc.constantFrom<RunInput['output'][]>('inherit', 'null', { file: '/tmp/kmem-run-test-output' })),
  sample: maybe(fc.constantFrom('off', 20)),
  seed: maybe(fc.nat()),
  inject: maybe(fc.constantFrom([], ['0.1/17:mmap'])),
});

test('a spec is rebuilt, key by key, from its input form', (t) => {
  const property = fc.property(inputs, (input) => {
    const spec = normaliseSpec(input);
    t.deepEqual(normaliseSpec(inputOf(spec)), spec);
  });
  fc.assert(property, { numRuns: 500 });
});

test('microVM options are rebuilt', (t) => {
  const spec = normaliseSpec({
    command: ['true'],
    kernel: '5.10',
    vmMemory: '512M',
    vmCpus: 2,
    rw: ['/tmp'],
    cpus: '1',
  });
  t.deepEqual(normaliseSpec(inputOf(spec)), spec);
});
