#!/usr/bin/env node
// The executable that prisma-client-py starts in place of Prisma's native query engine.

import { ENGINE_COMMIT } from './engine_version.mjs';
import { exitWithParent, exitOnSignals } from './lifetime.mjs';

if (process.argv.includes('--version')) {
  // Asked before every start, so nothing heavy may be loaded by then.
  console.log(`query-engine ${ENGINE_COMMIT}`);
} else {
  // LiteLLM's supervisor finds engines that outlived their worker by this process name.
  process.title = 'query-engine';
  exitOnSignals();
  exitWithParent();
  const { serve } = await import('./server.mjs');
  await serve(process.argv.slice(2), process.env).catch((error) => {
    console.error(`query-engine: cannot start: ${error.message}`);
    process.exit(1);
  });
}
