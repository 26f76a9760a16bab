// The WebAssembly build of Prisma's query engine, on a pool of PostgreSQL connections.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

import { PrismaPg } from '@prisma/adapter-pg';
import { bindAdapter } from '@prisma/driver-adapter-utils';
import * as glue from '@prisma/query-engine-wasm/postgresql/query_engine_bg.js';
import pg from 'pg';

import { errorAnswer, readAnswer, thrownAnswer, withDatabaseErrors } from './errors.mjs';
import { TextFallbackClient } from './types.mjs';

const WASM = '@prisma/query-engine-wasm/postgresql/query_engine_bg.wasm';
const NO_TRACE = '{}'; // OpenTelemetry context, which every engine call asks for
const TRANSACTION_ID = /^c[a-z0-9]{24}$/; // cuid

const TRANSACTION_ERROR = 'P2028';

/** Join the engine's code with its generated glue: Node cannot import .wasm modules by itself yet. */
async function loadWasm() {
  const code = await readFile(createRequire(import.meta.url).resolve(WASM));
  const { instance } = await WebAssembly.instantiate(code, { './query_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
}

/** A pool that outlives its connections: without listeners, a connection lost while idle or in use ends the process. */
function createPool(config) {
  const pool = new pg.Pool({ ...config, Client: TextFallbackClient });
  const log = (error) => console.error(`query-engine: connection lost: ${error.message}`);
  pool.on('error', log);
  pool.on('connect', (client) => client.on('error', log));
  return pool;
}

/** Take an error out of the adapter's registry, which never forgets one by itself. */
function errorTaker({ errorRegistry }) {
  return (id) => {
    const entry = errorRegistry.consumeError(id);
    delete errorRegistry.registeredErrors[id];
    return entry?.error;
  };
}

/**
 * Load the engine for a schema and a connection (see connection.mjs). No connection is made before the first query.
 *
 * Gives `query(request, transactionId)`, `startTransaction(options)`, `commitTransaction(id)`,
 * `rollbackTransaction(id)`: all take and give plain objects and answer errors instead of throwing them;
 * and `pool`, for the metrics.
 */
export async function openEngine(schema, connection) {
  await loadWasm();
  const pool = createPool(connection.pool);
  const adapter = bindAdapter(new PrismaPg(pool, { schema: connection.schema }));
  const engine = new glue.QueryEngine({ datamodel: schema, logLevel: 'error', logQueries: false }, () => {}, adapter);
  await engine.connect(NO_TRACE);

  const { host, port, max, connectionTimeoutMillis } = connection.pool;
  const target = { host, port, limit: max, timeout: connectionTimeoutMillis / 1000 };
  const takeError = errorTaker(adapter);

  async function answer(call) {
    try {
      return withDatabaseErrors(readAnswer(await call()), target, takeError);
    } catch (error) {
      return withDatabaseErrors(thrownAnswer(error), target, takeError);
    }
  }

  /** Run a call that belongs to a transaction, if any. A malformed id would make the WebAssembly code panic. */
  async function within(transactionId, call) {
    if (transactionId === undefined || TRANSACTION_ID.test(transactionId)) return answer(call);
    return errorAnswer('Transaction not found. Transaction ID is invalid.', { code: TRANSACTION_ERROR });
  }

  const rollbackTransaction = (id) => within(id, () => engine.rollbackTransaction(id, NO_TRACE));

  /** The WebAssembly engine waits for a connection as long as the pool does; max_wait (ms) is kept here. */
  async function startTransaction(options) {
    const started = answer(() => engine.startTransaction(JSON.stringify(options), NO_TRACE));
    const first = await Promise.race([started, delay(options.max_wait, null, { ref: false })]);
    if (first) return first;
    started.then(({ id }) => id && rollbackTransaction(id));
    return errorAnswer('Unable to start a transaction in the given time.', { code: TRANSACTION_ERROR });
  }

  return {
    pool,
    query: (request, id) => within(id, () => engine.query(JSON.stringify(request), NO_TRACE, id)),
    startTransaction,
    commitTransaction: (id) => within(id, () => engine.commitTransaction(id, NO_TRACE)),
    rollbackTransaction,
  };
}
