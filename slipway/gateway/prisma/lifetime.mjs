// When the engine process ends: on a signal, or when the process that started it is gone.

/** Exit at once on the signals prisma-client-py and supervisors send; PostgreSQL rolls open transactions back. */
export function exitOnSignals() {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
}

/**
 * Exit soon after the parent dies, however it dies. prisma-client-py gives no pipe whose end would tell, so the
 * parent's id is compared: the kernel hands orphans to another process.
 */
export function exitWithParent(intervalMs = 500) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) process.exit(0);
  }, intervalMs);
  watch.unref();
}
