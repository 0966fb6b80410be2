import test from 'ava';
import { type KernelSource, mirrorsAmong, parseDeb822, parseOneLine } from '../../src/kernels/sources.ts';

function source(uri: string, suite: string, components = ['main'], signedBy: string | null = null): KernelSource {
  return {
    uri,
    suite,
    components,
    signedBy,
  };
}

test('one-line sources are read with their options and without comments', (t) => {
  const text = `# deb http://a/debian bookworm main
deb http://b/debian bookworm main contrib # the mirror
deb-src http://b/debian bookworm main
  deb [ arch=amd64 signed-by=/k/debian-archive-keyring.gpg ]  https://c/debian-security  bookworm-security   main
deb [trusted=yes] file:/srv/flat ./
debian http://x y main
deb http://d
`;
  t.deepEqual(parseOneLine(text), [
    source('http://b/debian', 'bookworm', ['main', 'contrib']),
    source('https://c/debian-security', 'bookworm-security', ['main'], '/k/debian-archive-keyring.gpg'),
    source('file:/srv/flat', './', []),
  ]);
});

test('deb822 sources are read: several values, continuation lines, disabled entries, any case', (t) => {
  const text = `Types: deb deb-src
# a comment
URIs: http://a/debian
 http://b/debian
suites: bookworm bookworm-updates
Components: main
  contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY865UxYJKwYBBAHaRw8BAQdAd7Z0srwuhlB6JKFkcf4HU4SSS
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://c/debian
Suites: bookworm
Components: main
\t
Types: deb-src
URIs: http://d/debian
Suites: bookworm
Components: main


Types: deb
URIs: http://e/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg`;
  const read = parseDeb822(text);
  t.deepEqual(
    read.map(({ uri, suite }) => `${uri} ${suite}`),
    [
      'http://a/debian bookworm',
      'http://a/debian bookworm-updates',
      'http://b/debian bookworm',
      'http://b/debian bookworm-updates',
      'http://e/debian-security bookworm-security',
    ],
  );
  t.deepEqual(read[0]?.components, ['main', 'contrib']);
  t.is(read[4]?.signedBy, '/usr/share/keyrings/debian-archive-keyring.gpg');
});

test('Debian’s own mirrors are distinguished from others with a suite of that name', (t) => {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const others = [
    source('https://packages.example/php', 'bookworm'),
    source('https://docker.example/linux/debian', 'bookworm', ['stable']),
    source('https://apt.example/repos/apt', 'bookworm-pgdg'),
    source('http://archive.example/ubuntu', 'jammy'),
    source('cdrom:[Debian]/debian', 'bookworm'),
  ];
  t.deepEqual(mirrorsAmong(others), { debian: null, security: null });
  t.deepEqual(
    mirrorsAmong([
      ...others,
      source('http://near.example/mirrors/debian/', 'trixie'),
      source('http://near.example/debian-security', 'trixie-security'),
    ]),
    { debian: 'http://near.example/mirrors/debian/', security: 'http://near.example/debian-security' },
  );
  t.deepEqual(
    mirrorsAmong([
      source('http://a.example/debian', 'stable'),
      source('http://b.example/d', 'stable', ['main'], keyring),
    ]),
    {
      debian: 'http://b.example/d',
      security: null,
    },
  );
  t.is(
    mirrorsAmong([source('http://a.example/debian-security', 'buster/updates')]).security,
    'http://a.example/debian-security',
  );
});
