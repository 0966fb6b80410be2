import test from 'ava';
import fc from 'fast-check';
import { admit } from '../../src/serve/guard.ts';

const door = { token: 'right-token', port: 8080 };
const own = { host: '127.0.0.1:8080' };
function ask(url: string, headers: Record<string, string> = own, method = 'GET') {
  const asked = admit({ url, headers, method }, door);
  return 'status' in asked ? asked.status : [...asked.path, asked.query.toString()];
}

test('admits the token at the printed address', (t) => {
  t.deepEqual(ask('/right-token/'), ['', '']);
  t.deepEqual(ask('/right-token'), ['']);
  t.deepEqual(ask('/right-token/run/a%2Fb?x=1&y=%3F?', { host: 'localhost:8080' }), ['run', 'a/b', 'x=1&y=%3F%3F']);
  t.deepEqual(ask('/right-token/', own, 'HEAD'), ['', '']);
});

test('requires a token', (t) => {
  for (const url of [
    '/',
    '',
    '/right-toke/',
    '/right-tokenn/',
    '/RIGHT-TOKEN/',
    '/%72ight-token/',
    '/?token=right-token',
  ])
    t.is(ask(url), 403, url);
  t.is(ask('http://127.0.0.1:8080/right-token/'), 403);
  t.is(ask('//right-token/'), 403);
});

test('rejects any other host name, whatever it resolves to', (t) => {
  const hosts = [
    'evil.example',
    'evil.example:8080',
    '127.0.0.1',
    '127.0.0.1:80',
    'localhost',
    '127.0.0.1:8080.evil.example',
    '[::1]:8080',
    '',
  ];
  for (const host of hosts) t.is(ask('/right-token/', { host }), 421, host);
  t.is(ask('/right-token/', {}), 421);
});

test('links from elsewhere work, but other pages may load nothing', (t) => {
  const fetched = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
  t.is(ask('/right-token/', { ...own, ...fetched }), 403);
  t.is(ask('/right-token/', { ...own, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }), 403);
  t.is(ask('/right-token/', { ...own, origin: 'http://evil.example' }), 403);
  t.is(ask('/right-token/', { ...own, origin: 'null' }), 403);
  t.is(ask('/right-token/', { ...own, origin: 'https://127.0.0.1:8080' }), 403);
  t.deepEqual(ask('/right-token/', { ...own, ...fetched, 'sec-fetch-mode': 'navigate' }), ['', '']);
  t.deepEqual(ask('/right-token/', { ...own, 'sec-fetch-site': 'same-origin', origin: `http://${own.host}` }), [
    '',
    '',
  ]);
});

test('only reads are allowed', (t) => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'get', ''])
    t.is(ask('/right-token/', own, method), 405, method);
  t.is(ask('/', own, 'POST'), 403);
});

test('no address makes it throw', (t) => {
  t.is(ask('/right-token/run/%E0%A4%A'), 400);
  const property = fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (rest) => {
    ask(`/right-token/${rest}`);
    ask(rest);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 500 }));
});
