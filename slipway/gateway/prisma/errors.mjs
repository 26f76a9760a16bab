// The errors prisma-client-py reads: `{ errors: [{ error, user_facing_error }] }`, where user_facing_error.error_code
// decides which Python exception is raised. Codes: https://www.prisma.io/docs/orm/reference/error-reference

const EXTERNAL_ERROR = 'P2036'; // "error in external connector": the engine only knows the number of a JS error
const UNREACHABLE = 'P1001';
const POOL_TIMEOUT = 'P2024';

// PostgreSQL says these while it shuts down, starts, or drops a connection: the database is away, the query is fine.
const AWAY = /^(57P0[123]|08[0-9A-Z]{3})$/;

/** The answer for one failure. `meta` must be an object: prisma-client-py looks into it without asking. */
export function errorAnswer(message, { code, meta = {} } = {}) {
  return { errors: [{ error: message, user_facing_error: { is_panic: false, message, meta, error_code: code } }] };
}

/** The answer for a failure that the engine has described itself. */
function knownAnswer(known) {
  // prisma-client-py tells an expired transaction by the words in meta.error.
  const error = known.meta?.error ?? known.message;
  return { errors: [{ error, user_facing_error: { ...known, meta: known.meta ?? {} } }] };
}

/** Read what the engine said. Queries answer their errors; transaction calls give the bare description of one. */
export function readAnswer(text) {
  const answer = JSON.parse(text);
  return answer.error_code ? knownAnswer(answer) : answer;
}

/** The answer for what an engine call threw: an Error whose message may be the description of one as JSON. */
export function thrownAnswer(error) {
  const message = String(error?.message ?? error);
  try {
    return knownAnswer(JSON.parse(message));
  } catch {
    return errorAnswer(message); // not JSON: a plain message
  }
}

/** What an exception of the pg driver means in Prisma's terms. `target` describes the connection. */
function driverAnswer(error, target) {
  const message = error.message || error.code; // refused on several addresses, the error has no message of its own
  if (message.includes('timeout exceeded when trying to connect')) {
    const { timeout, limit } = target;
    return errorAnswer(
      'Timed out fetching a new connection from the connection pool. '
        + `(Current connection pool timeout: ${timeout}, connection limit: ${limit})`,
      { code: POOL_TIMEOUT, meta: { connection_limit: limit, timeout } },
    );
  }
  const away = error.syscall || error.errors || AWAY.test(error.code) || /connection|not queryable/i.test(message);
  return away ? unreachable(target, message) : errorAnswer(message, { meta: { code: error.code } });
}

/** The SQLSTATE of a failed query; outside raw queries the engine tells it only in the text. */
function sqlState({ error, user_facing_error: known }) {
  return known?.meta?.code ?? /PostgresError \{ code: "(\w{5})"/.exec(error)?.[1];
}

function unreachable({ host, port }, reason) {
  return errorAnswer(`Can't reach database server at \`${host}:${port}\`: ${reason}`, {
    code: UNREACHABLE,
    meta: { database_host: host, database_port: port },
  });
}

/**
 * Give an engine answer's errors the codes the native engine would use when the database is away. `takeError(id)`
 * returns the JavaScript error that the engine refers to by number.
 */
export function withDatabaseErrors(answer, target, takeError) {
  const first = answer.errors?.[0];
  if (!first) return answer;
  const known = first.user_facing_error ?? {};
  const external = known.error_code === EXTERNAL_ERROR && takeError(known.meta?.id);
  if (external) return driverAnswer(external, target);
  return AWAY.test(sqlState(first)) ? unreachable(target, known.meta?.message ?? first.error) : answer;
}
