import assert from 'node:assert/strict';
import { test } from 'node:test';

import { load } from './sources.mjs';

const { readDatamodel } = await load('datamodel.mjs');

test('models, their fields and the datasource are read; comments, attributes and enums are not in the way', () => {
  const schema = `
    // model Commented { id Int }
    datasource client {
      provider = "postgresql" // not a url = "x"
      url      = env("DATABASE_URL")
    }
    generator py { provider = "prisma-client-py" }
    enum Role {
      ADMIN
    }
    model User {
      id       Int     @id @default(autoincrement())
      home     String? @default("http://localhost") // slashes in a string
      brace    String  @default("}")
      extra    Json[]
      posts    Post[]
      role     Role
      /// a doc comment Json

      @@unique([id, home])
    }
    model Post {
      id     Int  @id
      author User @relation(fields: [authorId], references: [id])
    }
  `;
  const { models, ...rest } = readDatamodel(schema);
  assert.deepEqual(rest, { datasourceName: 'client', url: { env: 'DATABASE_URL' } });
  assert.deepEqual(
    Object.fromEntries([...models].map(([name, fields]) => [name, Object.fromEntries(fields)])),
    {
      User: { id: 'Int', home: 'String', brace: 'String', extra: 'Json', posts: 'Post', role: 'Role' },
      Post: { id: 'Int', author: 'User' },
    },
  );
});

test('a literal datasource url is read', () => {
  const { url } = readDatamodel('datasource db {\n  url = "postgresql://h/db"\n}\n');
  assert.deepEqual(url, { value: 'postgresql://h/db' });
});

test('a schema without a datasource has no url', () => {
  assert.equal(readDatamodel('model A {\n  id Int @id\n}\n').url, null);
});
