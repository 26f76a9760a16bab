// The HTTP interface of Prisma's native query engine, as far as prisma-client-py calls it.

import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { parseArgs } from 'node:util';

import { readConnection } from './connection.mjs';
import { readDatamodel } from './datamodel.mjs';
import { openEngine } from './engine.mjs';
import { errorAnswer } from './errors.mjs';
import { jsonMetrics, prometheusMetrics } from './metrics.mjs';
import { createTranslator, InvalidQuery } from './protocol.mjs';

const OPTIONS = {
  host: { type: 'string', short: 'H', default: '127.0.0.1' },
  port: { type: 'string', short: 'p', default: '4466' },
};

/** The schema's own URL, unless the client overrides it: OVERWRITE_DATASOURCES is a JSON list of { name, url }. */
function databaseUrl(datamodel, environ) {
  const overrides = JSON.parse(environ.OVERWRITE_DATASOURCES || '[]');
  const override = overrides.find(({ name }) => name === datamodel.datasourceName);
  const url = override?.url ?? datamodel.url?.value ?? environ[datamodel.url?.env];
  if (!url) throw new Error(`no database URL: ${datamodel.url?.env ?? 'the datasource url'} is not set`);
  return url;
}

async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function readJson(request) {
  const text = await readBody(request);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidQuery(error.message);
  }
}

/** Build the routes: `METHOD path` -> function of (request, url, match) that gives an object or a string. */
function createRoutes(engine, translate) {
  async function single(body, transactionId) {
    const { request, readAnswer } = translate(body);
    return readAnswer(await engine.query(request, transactionId));
  }

  async function batch({ batch: queries, transaction, isolationLevel }, transactionId) {
    const translations = queries.map(translate);
    const answer = await engine.query(
      { batch: translations.map(({ request }) => request), transaction: transaction ? { isolationLevel } : undefined },
      transactionId,
    );
    if (!answer.batchResult) return answer;
    return { ...answer, batchResult: answer.batchResult.map((result, i) => translations[i].readAnswer(result)) };
  }

  async function query(request) {
    const body = await readJson(request);
    const run = body.batch ? batch : single;
    return run(body, request.headers['x-transaction-id']);
  }

  return [
    ['POST', /^\/$/, query],
    ['GET', /^\/status$/, () => ({ status: 'ok' })],
    ['POST', /^\/transaction\/start$/, async (request) => engine.startTransaction(await readJson(request))],
    ['POST', /^\/transaction\/([^/]+)\/commit$/, (request, url, [, id]) => engine.commitTransaction(id)],
    ['POST', /^\/transaction\/([^/]+)\/rollback$/, (request, url, [, id]) => engine.rollbackTransaction(id)],
    ['GET', /^\/metrics$/, (request, url) =>
      url.searchParams.get('format') === 'prometheus' ? prometheusMetrics(engine.pool) : jsonMetrics(engine.pool)],
  ];
}

/** Errors travel as answers with status 200; only what is no query at all gets an HTTP error. */
async function respond(routes, request) {
  const url = new URL(request.url, 'http://localhost');
  for (const [method, path, handle] of routes) {
    const match = method === request.method && path.exec(url.pathname);
    if (!match) continue;
    try {
      return [200, await handle(request, url, match)];
    } catch (error) {
      return error instanceof InvalidQuery ? [422, errorAnswer(error.message)] : [500, errorAnswer(String(error?.stack))];
    }
  }
  return [404, errorAnswer(`no such route: ${request.method} ${url.pathname}`)];
}

function createServer(routes) {
  const server = http.createServer(async (request, response) => {
    const [status, content] = await respond(routes, request);
    const isText = typeof content === 'string';
    const body = isText ? content : JSON.stringify(content);
    // With its length known, an answer leaves in one write instead of several chunks.
    response.writeHead(status, {
      'content-type': isText ? 'text/plain' : 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
  // The client decides when to close an idle connection: closing it here could cross with its next request.
  server.keepAliveTimeout = 0;
  return server;
}

/** Start serving, as `argv` and `environ` say; gives the listening server. */
export async function serve(argv, environ) {
  // Not strict: --enable-metrics and --enable-raw-queries need no switching on here.
  const { values } = parseArgs({ args: argv, options: OPTIONS, strict: false });
  const schema = await readFile(environ.PRISMA_DML_PATH, 'utf8');
  const datamodel = readDatamodel(schema);
  const engine = await openEngine(schema, readConnection(databaseUrl(datamodel, environ)));
  const server = createServer(createRoutes(engine, createTranslator(datamodel)));
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(values.port), values.host, resolve);
  });
  return server;
}
