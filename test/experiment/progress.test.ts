import test from 'ava';
import { createProgress, progressText, type Standing } from '../../src/experiment/progress.ts';
import { terminal } from '../fixtures/terminal.ts';

const standing: Standing = { now: ['kmem 1 MiB'], made: 10, done: 12, total: 75, last: 'passed at kmem 512 KiB' };

test('shows the current run, progress, time left and how the last run ended', (t) => {
  t.is(
    progressText(standing, 1400),
    '12 of 75 runs ▕█░░░░░░░░░░░▏ 9 s left; now kmem 1 MiB; last: passed at kmem 512 KiB',
  );
  t.is(
    progressText({ now: ['a', 'b', 'c', 'd'], made: 0, done: 0, total: 4, last: null }, 5000),
    '0 of 4 runs ▕░░░░░░░░░░░░▏; now a, b, 2 more',
  );
  t.is(
    progressText({ now: [], made: 4, done: 4, total: 4, last: 'failed at x' }, 60_000),
    '4 of 4 runs ▕████████████▏ 1 s left; last: failed at x',
  );
  t.regex(progressText({ ...standing, made: 1, total: 2000 }, 60_000), /33 h 8 min left/);
});

test('terminal control characters are made visible', (t) => {
  t.notRegex(progressText({ ...standing, now: ['\u001b[2J'], last: '\u001b]0;x\u0007' }, 1), /\p{Cc}/u);
});

test('on a terminal, starts after a second and redraws in place at most five times a second', (t) => {
  const { stream, written, clock, now } = terminal();
  const progress = createProgress({ stream, isTerminal: true, now });
  t.teardown(progress.close);
  for (let ms = 0; ms <= 3000; ms += 10) {
    clock.ms = 1000 + ms;
    progress.update(standing);
    if (ms < 1000) t.deepEqual(written, []);
  }
  t.is(written.length, 11);
  t.true(written.every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n')));
  progress.close();
  t.is(written.at(-1), '\r\u001b[K');
  progress.update(standing);
  t.is(written.length, 12);
});

test('the line is cleared before other output is written', (t) => {
  const { stream, written, clock, now } = terminal();
  const progress = createProgress({ stream, isTerminal: true, now });
  t.teardown(progress.close);
  const write = (): void => void stream.write('a row\n');
  progress.beside(write);
  clock.ms += 1500;
  progress.update(standing);
  progress.beside(write);
  progress.beside(write);
  clock.ms += 1500;
  progress.update(standing);
  t.deepEqual(
    written.map((text) => (text.includes('12 of 75') ? 'line' : text)),
    ['a row\n', 'line', '\r\u001b[K', 'a row\n', 'a row\n', 'line'],
  );
});

test('work that ends within a second shows nothing', (t) => {
  const { stream, written, now } = terminal();
  const progress = createProgress({ stream, isTerminal: true, now });
  progress.update(standing);
  progress.close();
  t.deepEqual(written, []);
});

test('elsewhere, prints occasional lines', (t) => {
  const { stream, written, clock, now } = terminal();
  const progress = createProgress({ stream, isTerminal: false, now });
  t.teardown(progress.close);
  for (let ms = 0; ms <= 30_000; ms += 100) {
    clock.ms = 1000 + ms;
    progress.update(standing);
  }
  progress.close();
  t.is(written.length, 3);
  t.true(written.every((text) => /^kmem-run: 12 of 75 runs \P{Cc}*\n$/u.test(text)));
});

test('the line is narrower than the terminal, so never wraps', (t) => {
  for (const columns of [10, 40]) {
    const { stream, written, clock, now } = terminal(columns);
    const progress = createProgress({ stream, isTerminal: true, now });
    clock.ms += 1000;
    progress.update(standing);
    progress.close();
    t.is([...(written[0] ?? '').replace('\r\u001b[K', '')].length, columns - 1);
  }
});
