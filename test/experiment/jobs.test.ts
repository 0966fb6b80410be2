import test from 'ava';
import fc from 'fast-check';
import { allowedCpus, assignCpus } from '../../src/experiment/jobs.ts';

test('each job gets one CPU, from the last one down', (t) => {
  t.deepEqual(assignCpus(1, null, [0, 1, 2, 3]), { jobs: [{ cpus: [3] }], sharing: false });
  t.deepEqual(assignCpus(2, null, [0, 1]), { jobs: [{ cpus: [1] }, { cpus: [0] }], sharing: false });
  t.deepEqual(assignCpus(3, null, [0, 1]), { jobs: [{ cpus: [1] }, { cpus: [0] }, { cpus: [1] }], sharing: true });
});

test('all requested CPUs are assigned', (t) => {
  t.deepEqual(assignCpus(1, [0, 1], [0, 1, 2]), { jobs: [{ cpus: [0, 1] }], sharing: false });
  t.deepEqual(assignCpus(2, [0, 1, 2], [0, 1, 2]), { jobs: [{ cpus: [0, 2] }, { cpus: [1] }], sharing: false });
  t.deepEqual(assignCpus(2, [5], [0, 1]), { jobs: [{ cpus: [5] }, { cpus: [5] }], sharing: true });
});

test('if the CPUs are unknown, no job is bound to one', (t) => {
  t.deepEqual(assignCpus(2, null, []), { jobs: [{ cpus: null }, { cpus: null }], sharing: true });
});

test('jobs that share a CPU are always reported', (t) => {
  const cpus = fc.uniqueArray(fc.nat(64), { minLength: 1, maxLength: 16 });
  const property = fc.property(fc.integer({ min: 1, max: 20 }), cpus, fc.boolean(), (count, list, given) => {
    const { jobs, sharing } = assignCpus(count, given ? list : null, list);
    const used = jobs.flatMap((job) => job.cpus ?? []);
    t.is(jobs.length, count);
    t.true(jobs.every((job) => job.cpus !== null && job.cpus.length > 0));
    t.true(used.every((cpu) => list.includes(cpu)));
    t.is(sharing, new Set(used).size < used.length);
  });
  fc.assert(property);
});

test('lists this process’s CPUs', (t) => {
  t.true(allowedCpus().length > 0);
});
