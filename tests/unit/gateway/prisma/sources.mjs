// Where the modules under test are: the source folder, or the copy of it that has node_modules.

import { fileURLToPath, pathToFileURL } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../../../slipway/gateway/prisma/', import.meta.url));

/** Import one of the engine's modules by its file name. */
export const load = (name) => import(new URL(name, `${pathToFileURL(process.env.SLIPWAY_PRISMA_DIR ?? SOURCE)}/`));
