/** systemd as PID 1: runs in its units and as a user's; an administrator's actions meanwhile disturb neither. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { validateResult } from '../validate-result.ts';
import { runUnderSystemd } from './systemd-guest.ts';

const script = readFileSync(join(import.meta.dirname, '..', 'fixtures', 'systemd.sh'), 'utf8');
const KINDS = ['plain', 'delegated', 'scope', 'mine'];
const MIB = 1024 * 1024;

test('systemd and kmem-run do not interfere, and users need no privilege', async (t) => {
  const ran = await runUnderSystemd(t, '6.12', script);
  if (ran === null) return;
  const lines = (name: string): string[] => ran.read(name).trim().split('\n');
  t.regex(ran.output, /\] done\n$/, ran.console);

  // The error's hint was followed literally: a scope under the user's own manager.
  t.regex(ran.read('refused'), /run it in a scope of your own: .*; or run in a microVM, .*: --kernel NAME/);
  t.true(lines('refused').includes('status 125'));
  t.regex(
    ran.read('command'),
    /^sudo systemctl start user@4242\.service && XDG_RUNTIME_DIR=\/run\/user\/4242 systemd-run --user /,
  );

  const groups = new Map(lines('groups').map((line) => line.split(' ') as [string, string]));
  t.deepEqual([...groups.keys()], KINDS);
  const id = '[0-9a-f]+$';
  // Next to a unit that is not delegated; inside one that is.
  t.regex(groups.get('plain') ?? '', new RegExp(`/system\\.slice/kmem-run\\.${id}`));
  t.regex(groups.get('scope') ?? '', new RegExp(`/system\\.slice/kmem-run\\.${id}`));
  t.regex(groups.get('delegated') ?? '', new RegExp(`/system\\.slice/delegated\\.service/kmem-run\\.${id}`));
  t.regex(groups.get('mine') ?? '', new RegExp(`/user@4242\\.service/app\\.slice/mine\\.scope/kmem-run\\.${id}`));

  // Each with its controllers and its process, before and after; the bystander with its limit.
  for (const line of lines('before').slice(0, KINDS.length)) t.regex(line, /^\w+ .*\bmemory( pids)? 1$/);
  t.is(lines('before').at(-1), `bystander active ${400 * MIB}`);
  t.deepEqual(lines('after'), lines('before'));
  t.deepEqual(lines('delegated'), [`${600 * MIB}`]);

  for (const name of KINDS) {
    const result = validateResult(JSON.parse(ran.read(`${name}.json`)));
    t.true((result.kmem.failcnt ?? 0) > 0, `${name}: the limit no longer holds`);
    t.true((result.kmem.maxUsage ?? 0) > MIB / 2, name);
    t.true((result.kmem.overshoot ?? Number.POSITIVE_INFINITY) <= 256 * 1024, name);
    t.is(result.terminationReason, null, name);
  }
  t.is(ran.read('left').trim(), '');
  // The runs that failed because their shell could not fork, but none of systemd's units.
  t.deepEqual(ran.read('failed').trim().split(/\s+/).toSorted(), ['delegated.service', 'plain.service']);

  t.deepEqual(lines('killed'), ['1', '0'], 'a killed unit takes its group along');

  const { checks } = JSON.parse(ran.read('locked.json')) as {
    checks: { name: string; level: string; remedy: string }[];
  };
  const missing = checks.filter(({ level }) => level === 'missing');
  t.deepEqual(
    missing.map(({ name }) => name),
    ['randomisation'],
  );
  t.regex(missing[0]?.remedy ?? '', /--aslr; .*|systemd: LockPersonality=no/);
  t.deepEqual(lines('locked'), ['status 1', 'with --aslr 0']);
});
