// Prisma's datasource URL -> the configuration of a pg connection pool.
// Parameters: https://www.prisma.io/docs/orm/overview/databases/postgresql#arguments

import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

// Prisma's own defaults, in seconds.
const POOL_TIMEOUT = 10;
const MAX_IDLE_LIFETIME = 300;

/** Prisma's default: two connections per core and one more. */
function defaultConnectionLimit() {
  const cores = availableParallelism?.() ?? cpus().length; // availableParallelism: Node 18.14
  return cores * 2 + 1;
}

/** pg cannot fall back from TLS to plain text, so `prefer` and `allow` mean plain text here. */
const SSL_MODES = {
  disable: () => false,
  allow: () => false,
  prefer: () => false,
  require: (parameters) => ({ rejectUnauthorized: parameters.get('sslaccept') === 'strict' }),
  // verify-ca accepts a certificate for any host name.
  'verify-ca': () => ({ rejectUnauthorized: true, checkServerIdentity: () => undefined }),
  'verify-full': () => ({ rejectUnauthorized: true }),
};

function sslConfig(parameters, readFile) {
  const mode = parameters.get('sslmode') ?? 'prefer';
  if (!Object.hasOwn(SSL_MODES, mode)) throw new Error(`unknown sslmode "${mode}" in the database URL`);
  const ssl = SSL_MODES[mode](parameters);
  const authority = parameters.get('sslcert') ?? parameters.get('sslrootcert');
  if (ssl && authority) ssl.ca = readFile(authority, 'utf8');
  return ssl;
}

/** What the server is told at connection start: raw queries find their tables through search_path. */
function serverOptions(parameters, schema) {
  const given = parameters.get('options') ?? '';
  if (!schema) return given || undefined;
  const quoted = `"${schema.replaceAll('"', '""')}"`.replaceAll('\\', '\\\\').replaceAll(' ', '\\ ');
  return `${given} -c search_path=${quoted}`.trim();
}

function seconds(parameters, name, fallback) {
  return number(parameters, name, fallback) * 1000;
}

function number(parameters, name, fallback) {
  const text = parameters.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) {
    throw new Error(`${name} in the database URL is not a number: "${text}"`);
  }
  return value;
}

/** The URL parser refuses credentials without a host, which is how people write URLs of unix sockets. */
function parseUrl(text) {
  try {
    return new URL(text.replace(/^(\w+:\/\/[^/?#]*@)(?=[/?:]|$)/, '$1localhost'));
  } catch {
    // The parser's own message would repeat the URL, password included.
    throw new Error('the database URL is not a valid URL');
  }
}

/**
 * Read a `postgresql://` URL into `{ pool, schema }`: the options of `pg.Pool`, and the schema Prisma's queries name.
 * `?host=/dir` is the directory of a unix socket. Throws on what cannot be understood, never quoting the password.
 */
export function readConnection(text, readFile = readFileSync) {
  const url = parseUrl(text);
  if (!['postgresql:', 'postgres:'].includes(url.protocol)) {
    throw new Error(`the database URL starts with "${url.protocol}//", not "postgresql://"`);
  }
  const parameters = url.searchParams;
  const schema = parameters.get('schema') || undefined;
  const host = parameters.get('host') || decodeURIComponent(url.hostname) || 'localhost';
  return {
    schema,
    pool: {
      host: host.replace(/^\[(.*)\]$/, '$1'), // brackets belong to the URL, not to the IPv6 address
      port: Number(url.port || 5432),
      user: decodeURIComponent(url.username) || undefined,
      password: decodeURIComponent(url.password) || undefined,
      database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
      ssl: sslConfig(parameters, readFile),
      options: serverOptions(parameters, schema),
      application_name: parameters.get('application_name') ?? undefined,
      max: number(parameters, 'connection_limit', defaultConnectionLimit()),
      connectionTimeoutMillis: seconds(parameters, 'pool_timeout', POOL_TIMEOUT),
      idleTimeoutMillis: seconds(parameters, 'max_idle_connection_lifetime', MAX_IDLE_LIFETIME),
      keepAlive: true,
    },
  };
}
