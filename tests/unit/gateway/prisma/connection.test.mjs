import assert from 'node:assert/strict';
import { test } from 'node:test';

import { load } from './sources.mjs';

const { readConnection } = await load('connection.mjs');

const poolOf = (url, readFile) => readConnection(url, readFile).pool;

test('every part of the URL reaches the pool', () => {
  const url =
    'postgresql://bob:pw@db.example:6543/litellm?schema=app&connection_limit=7&pool_timeout=60'
    + '&max_idle_connection_lifetime=30&application_name=slipway';
  assert.deepEqual(readConnection(url), {
    schema: 'app',
    pool: {
      host: 'db.example',
      port: 6543,
      user: 'bob',
      password: 'pw',
      database: 'litellm',
      ssl: false,
      options: '-c search_path="app"',
      application_name: 'slipway',
      max: 7,
      connectionTimeoutMillis: 60_000,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
    },
  });
});

test('what the URL leaves out has Prisma\'s defaults', () => {
  const { host, port, user, password, database, options, connectionTimeoutMillis, idleTimeoutMillis } =
    poolOf('postgres://localhost');
  assert.deepEqual(
    { host, port, user, password, database, options, connectionTimeoutMillis, idleTimeoutMillis },
    {
      host: 'localhost', port: 5432, user: undefined, password: undefined, database: 'postgres', options: undefined,
      connectionTimeoutMillis: 10_000, idleTimeoutMillis: 300_000,
    },
  );
});

test('user, password and database are percent-decoded', () => {
  const { user, password, database } = poolOf('postgresql://b%40b:p%3A%2F%25%3Fw@h/my%20db');
  assert.deepEqual({ user, password, database }, { user: 'b@b', password: 'p:/%?w', database: 'my db' });
});

for (const url of [
  'postgresql://u:p@localhost:5433/db?host=/run/pg',
  'postgresql://u:p@:5433/db?host=/run/pg',
  'postgresql://u:p@/db?host=/run/pg&port=5433',
  'postgresql:///db?host=/run/pg',
  'postgresql://u@%2Frun%2Fpg/db',
]) {
  test(`the directory of a unix socket is found in ${url}`, () => {
    const { host, database } = poolOf(url);
    assert.deepEqual({ host, database }, { host: '/run/pg', database: 'db' });
  });
}

test('an IPv6 address loses its brackets', () => {
  assert.equal(poolOf('postgresql://u@[::1]:5433/db').host, '::1');
});

test('a schema name with a quote, a space and a backslash stays one search_path entry', () => {
  const { options } = poolOf(`postgresql://h/db?schema=${encodeURIComponent('a"b c\\d')}`);
  assert.equal(options, '-c search_path="a""b\\ c\\\\d"');
});

for (const [query, ssl] of [
  ['', false],
  ['?sslmode=disable', false],
  ['?sslmode=prefer', false],
  ['?sslmode=require', { rejectUnauthorized: false }],
  ['?sslmode=require&sslaccept=strict', { rejectUnauthorized: true }],
  ['?sslmode=verify-full&sslrootcert=/ca.pem', { rejectUnauthorized: true, ca: 'text of /ca.pem' }],
]) {
  test(`"${query}" asks for ssl ${JSON.stringify(ssl)}`, () => {
    assert.deepEqual(poolOf(`postgresql://h/db${query}`, (path) => `text of ${path}`).ssl, ssl);
  });
}

for (const [url, message] of [
  ['mysql://h/db', 'the database URL starts with "mysql://", not "postgresql://"'],
  ['postgresql://h/db?sslmode=maybe', 'unknown sslmode "maybe" in the database URL'],
  ['postgresql://h/db?connection_limit=many', 'connection_limit in the database URL is not a number: "many"'],
  ['postgresql://bob:s3cret@h:port/db', 'the database URL is not a valid URL'],
]) {
  test(`a bad URL says: ${message}`, () => {
    assert.throws(() => readConnection(url), { message });
  });
}
