import test from 'ava';
import { parseVictims } from '../../src/run/oom.ts';

function killed(rest: string, head = '6,812,19782887,-') {
  return `${head};oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,${rest}\n SUBSYSTEM=x\n`;
}

test('reads who was killed, where, and whether the whole machine lacked memory', (t) => {
  const records = [
    '4,811,19779034,-;V8Worker invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0\n',
    killed('global_oom,task_memcg=/,task=python3,pid=112,uid=0'),
    '3,813,19783368,-;Out of memory: Killed process 112 (python3) total-vm:475796kB, UID:0\n',
    killed('oom_memcg=/a,task_memcg=/a/kmem-run.18,task=touch-memory,pid=155,uid=1000'),
  ];
  t.deepEqual(parseVictims(records), [
    { pid: 112, comm: 'python3', cgroup: '/', global: true },
    { pid: 155, comm: 'touch-memory', cgroup: '/a/kmem-run.18', global: false },
  ]);
});

test('a name may contain anything, even text that looks like the record’s fields', (t) => {
  const comm = 'x,pid=1,uid=0';
  t.deepEqual(parseVictims([killed(`global_oom,task_memcg=/,task=${comm},pid=7,uid=0`)]), [
    { pid: 7, comm, cgroup: '/', global: true },
  ]);
});

test('text that a program wrote to the log is not trusted', (t) => {
  const text = 'global_oom,task_memcg=/,task=init,pid=1,uid=0';
  t.deepEqual(
    parseVictims([killed(text, '12,900,1,-'), killed(text, '6,901,2,-').replace('oom-kill', 'x oom-kill')]),
    [],
  );
  t.deepEqual(parseVictims(['', '6,1,2', killed('global_oom,task=a,pid=1,uid=0')]), []);
});
