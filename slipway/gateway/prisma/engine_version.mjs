// Which engine this is: prisma-client-py 0.15 expects Prisma 5.17, and package.json pins the WebAssembly build of it.

export const ENGINE_COMMIT = '393aa359c9ad4a4bb28630fb5613f9c281cde053';
