import test from 'ava';
import { createLiveLine, liveText, stayText } from '../../../src/report/terminal/live.ts';
import { terminal } from '../../fixtures/terminal.ts';

const figures = { kmem: 1_258_291, processes: 12, denials: 3, atMs: 4234 };

test('shows usage against the limit and the other figures', (t) => {
  t.is(liveText(figures, 4_194_304), 'kmem 1.2 MiB of 4 MiB ▕███░░░░░░░░░▏ 12 processes failcnt 3 4.2 s');
  t.is(
    liveText({ ...figures, kmem: 9_000_000 }, 4_194_304),
    'kmem 8.58 MiB of 4 MiB ▕████████████▏ 12 processes failcnt 3 4.2 s',
  );
  t.is(liveText({ ...figures, processes: 1, denials: null }, null), 'kmem 1.2 MiB 1 process 4.2 s');
  t.is(liveText({ kmem: null, processes: null, denials: null, atMs: 0 }, 4096), 'kmem ? of 4 KiB 0 ms');
});

test('names the daemons still running', (t) => {
  const [apache, sleep] = [{ comm: 'apache2' }, { comm: 'sleep' }];
  const spec = (kmem: number | null) => ({ limits: { kmem, mem: null, memsw: null, kmemTcp: null, pids: null } });
  t.is(
    stayText([apache, apache], spec(4096)),
    'apache2 (2 processes) are running under the limit; Ctrl-C stops them and reports',
  );
  t.is(
    stayText([apache, sleep], spec(null)),
    'apache2 (1 process), sleep (1 process) are running in the group; Ctrl-C stops them and reports',
  );
});

test('redrawn in place, at most ten times a second', (t) => {
  const { stream, written, clock, now } = terminal();
  const line = createLiveLine(stream, 4_194_304, now);
  for (let ms = 0; ms < 1000; ms += 10) {
    clock.ms = 1000 + ms;
    line.update({ ...figures, atMs: ms });
  }
  t.is(written.length, 10);
  t.true(written.every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n')));
});

test('cleared once, and only if something is on the screen', (t) => {
  const { stream, written, clock, now } = terminal();
  const line = createLiveLine(stream, null, now);
  line.clear();
  t.deepEqual(written, []);
  line.update(figures);
  line.clear();
  line.clear();
  t.is(written.length, 2);
  t.is(written[1], '\r\u001b[K');
  clock.ms += 1000;
  line.update(figures);
  t.is(written.length, 3);
});

test('narrower than the terminal, to avoid wrapping', (t) => {
  for (const columns of [1, 10, 40]) {
    const { stream, written, now } = terminal(columns);
    createLiveLine(stream, 4_194_304, now).update(figures);
    t.is([...(written[0] ?? '').replace('\r\u001b[K', '')].length, columns - 1);
  }
});
