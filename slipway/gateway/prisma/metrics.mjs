// The state of the connection pool, in the two formats prisma-client-py can ask for.

/** Gauges named as the native engine names them. */
function gauges(pool) {
  return [
    ['prisma_pool_connections_open', 'Number of currently open pool connections', pool.totalCount],
    ['prisma_pool_connections_busy', 'Number of pool connections running a query', pool.totalCount - pool.idleCount],
    ['prisma_pool_connections_idle', 'Number of pool connections not in use', pool.idleCount],
    ['prisma_client_queries_wait', 'Number of queries waiting for a connection', pool.waitingCount],
  ];
}

export function jsonMetrics(pool) {
  const asMetric = ([key, description, value]) => ({ key, value, labels: {}, description });
  return { counters: [], gauges: gauges(pool).map(asMetric), histograms: [] };
}

export function prometheusMetrics(pool) {
  const asText = ([key, description, value]) => `# HELP ${key} ${description}\n# TYPE ${key} gauge\n${key} ${value}\n`;
  return gauges(pool).map(asText).join('\n');
}
