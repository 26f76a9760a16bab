import assert from 'node:assert/strict';
import { test } from 'node:test';

import { load } from './sources.mjs';

const { readAnswer, thrownAnswer, withDatabaseErrors } = await load('errors.mjs');

const TARGET = { host: 'db', port: 5432, limit: 5, timeout: 10 };
const external = { errors: [{ error: 'x', user_facing_error: { error_code: 'P2036', meta: { id: 3 } } }] };

/** The code and the words of the first error in the answer to a query that failed in the driver with `error`. */
function translated(error) {
  const taken = [];
  const answer = withDatabaseErrors(external, TARGET, (id) => (taken.push(id), error));
  assert.deepEqual(taken, [3]);
  const { error_code: code, message } = answer.errors[0].user_facing_error;
  return { code, message };
}

test('a refused connection is an unreachable database', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { syscall: 'connect' });
  assert.deepEqual(translated(refused), {
    code: 'P1001', message: "Can't reach database server at `db:5432`: connect ECONNREFUSED",
  });
});

test('a connection refused on every address of the host is an unreachable database', () => {
  const refused = Object.assign(new AggregateError([new Error('a'), new Error('b')]), { code: 'ECONNREFUSED' });
  assert.deepEqual(translated(refused), {
    code: 'P1001', message: "Can't reach database server at `db:5432`: ECONNREFUSED",
  });
});

test('a server that is still starting is an unreachable database', () => {
  const starting = Object.assign(new Error('the database system is starting up'), { code: '57P03', severity: 'FATAL' });
  assert.deepEqual(translated(starting), {
    code: 'P1001', message: "Can't reach database server at `db:5432`: the database system is starting up",
  });
});

test('no free connection in time is a pool timeout', () => {
  assert.deepEqual(translated(new Error('timeout exceeded when trying to connect')), {
    code: 'P2024',
    message:
      'Timed out fetching a new connection from the connection pool. '
      + '(Current connection pool timeout: 10, connection limit: 5)',
  });
});

test('a defect in the driver is not taken for an absent database', () => {
  assert.deepEqual(translated(new TypeError('x is undefined')), { code: undefined, message: 'x is undefined' });
});

test('a server that shuts down is an unreachable database, in raw queries and others', () => {
  const raw = { error: 'e', user_facing_error: { error_code: 'P2010', meta: { code: '57P01', message: 'FATAL: bye' } } };
  const other = { error: 'QueryError(PostgresError { code: "57P01", message: …', user_facing_error: { message: 'm' } };
  for (const error of [raw, other]) {
    const answer = withDatabaseErrors({ errors: [error] }, TARGET, () => undefined);
    assert.equal(answer.errors[0].user_facing_error.error_code, 'P1001');
  }
});

test('an answer without errors and a failed query stay as they are', () => {
  const failed = { errors: [{ error: '57P01 in some text', user_facing_error: { error_code: 'P2002', meta: {} } }] };
  for (const answer of [{ data: { result: 1 } }, failed]) {
    assert.equal(withDatabaseErrors(answer, TARGET, () => undefined), answer);
  }
});

test('a described transaction error becomes an error with the words prisma-client-py looks for', () => {
  const known = { message: 'Transaction API error: Transaction already closed', error_code: 'P2028',
    meta: { error: 'Transaction already closed' } };
  assert.deepEqual(readAnswer(JSON.stringify(known)), {
    errors: [{ error: 'Transaction already closed', user_facing_error: known }],
  });
});

test('what the engine throws becomes an error, described or not', () => {
  const known = { message: 'no', error_code: 'P1', meta: null };
  assert.deepEqual(thrownAnswer(new Error(JSON.stringify(known))).errors[0].user_facing_error, { ...known, meta: {} });
  assert.equal(thrownAnswer(new Error('boom')).errors[0].error, 'boom');
});
