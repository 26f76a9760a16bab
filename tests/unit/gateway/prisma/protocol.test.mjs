// Queries as prisma-client-py writes them (see prisma/_builder.py), and what the engine is asked instead.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { load } from './sources.mjs';

const { readDatamodel } = await load('datamodel.mjs');
const { createTranslator, InvalidQuery } = await load('protocol.mjs');

const translate = createTranslator(
  readDatamodel(`
    model User {
      id    Int    @id
      name  String
      info  Json?
      tags  Json[]
      data  Json?
      posts Post[]
      boss  User?
    }
    model Post {
      id     Int  @id
      meta   Json
      author User
    }
    model UserOrThrow {
      id Int @id
    }
  `),
);

const json = (value) => ({ $type: 'Json', value });
const requestOf = (query, variables) => translate({ query, variables }).request;
/** The arguments of a query, written as the part between the parentheses. */
const argumentsOf = (operation, text) => requestOf(`{ result: ${operation}(${text}) { id } }`).query.arguments;

test('a find becomes an action on a model, with arguments and a selection', () => {
  const query = 'query { result: findManyUser ( take: 5 skip: 2 where: { name: "a" } orderBy: [{ id: "asc" }] ) { id name } }';
  assert.deepEqual(requestOf(query), {
    modelName: 'User',
    action: 'findMany',
    query: {
      arguments: { take: 5, skip: 2, where: { name: 'a' }, orderBy: [{ id: 'asc' }] },
      selection: { id: true, name: true },
    },
  });
});

for (const [name, action, modelName] of [
  ['findUniqueUser', 'findUnique', 'User'],
  ['findUniqueUserOrThrow', 'findUnique', 'UserOrThrow'],
  ['findFirstPostOrThrow', 'findFirstOrThrow', 'Post'],
  ['createManyUser', 'createMany', 'User'],
  ['aggregateUser', 'aggregate', 'User'],
  ['groupByUser', 'groupBy', 'User'],
  ['upsertOneUser', 'upsertOne', 'User'],
]) {
  test(`${name} is ${action} on ${modelName}`, () => {
    const request = requestOf(`{ result: ${name} { id } }`);
    assert.deepEqual([request.action, request.modelName], [action, modelName]);
  });
}

test('values keep their type; what a number cannot hold is a BigInt', () => {
  const text = 'where: { a: null, b: true, c: -3, d: 1.5e3, e: "\\u00e9\\n\\"😀", f: [1, null], g: {}, h: DbNull, i: 9007199254740993 }';
  assert.deepEqual(argumentsOf('findManyUser', text).where, {
    a: null, b: true, c: -3, d: 1500, e: 'é\n"😀', f: [1, null], g: {},
    h: { $type: 'Enum', value: 'DbNull' }, i: { $type: 'BigInt', value: '9007199254740993' },
  });
});

test('variables are put in their place', () => {
  const query = 'query ($name: String) { result: findFirstUser(where: { name: $name }) { id } }';
  assert.deepEqual(requestOf(query, { name: 'a' }).query.arguments, { where: { name: 'a' } });
});

test('Json fields are marked in the data of a create, and only they', () => {
  assert.deepEqual(argumentsOf('createOneUser', 'data: { name: "{}", info: "{\\"a\\":1}", tags: ["1", "2"], data: null }'), {
    data: { name: '{}', info: json('{"a":1}'), tags: [json('1'), json('2')], data: null },
  });
});

test('a Json field that has the name of an argument is not confused with it', () => {
  assert.deepEqual(argumentsOf('createOneUser', 'data: { data: "1" }'), { data: { data: json('1') } });
  assert.deepEqual(argumentsOf('updateOnePost', 'data: { author: { update: { data: "1" } } }'), {
    data: { author: { update: { data: json('1') } } },
  });
});

test('upsert marks both halves', () => {
  assert.deepEqual(argumentsOf('upsertOneUser', 'where: { id: 1 }, create: { info: "1" }, update: { info: "2", id: { increment: 1 } }'), {
    where: { id: 1 }, create: { info: json('1') }, update: { info: json('2'), id: { increment: 1 } },
  });
});

test('createMany marks each record and keeps skipDuplicates', () => {
  assert.deepEqual(argumentsOf('createManyUser', 'data: [{ info: "1" }, { info: "2" }], skipDuplicates: true'), {
    data: [{ info: json('1') }, { info: json('2') }], skipDuplicates: true,
  });
});

test('Json lists are marked inside set and push', () => {
  assert.deepEqual(argumentsOf('updateOneUser', 'data: { tags: { set: ["1"], push: "2" } }'), {
    data: { tags: { set: [json('1')], push: json('2') } },
  });
});

test('Json filters mark the values compared, not paths and substrings', () => {
  const filter = '{ path: ["a"], equals: "1", string_contains: "x", array_contains: "[1]", not: "null" }';
  assert.deepEqual(argumentsOf('findManyUser', `where: { OR: [{ info: ${filter} }, { NOT: { info: "2" } }] }`).where, {
    OR: [
      { info: { path: ['a'], equals: json('1'), string_contains: 'x', array_contains: json('[1]'), not: json('null') } },
      { NOT: { info: json('2') } },
    ],
  });
});

test('filters follow relations', () => {
  const where = 'where: { posts: { some: { meta: { equals: "1" } } }, boss: { info: "2" } }';
  assert.deepEqual(argumentsOf('findManyUser', where).where, {
    posts: { some: { meta: { equals: json('1') } } }, boss: { info: json('2') },
  });
});

test('nested writes follow relations', () => {
  const text = `data: { posts: {
    create: [{ meta: "1" }],
    createMany: { data: [{ meta: "2" }], skipDuplicates: true },
    connect: { id: 1 },
    connectOrCreate: [{ where: { id: 2 }, create: { meta: "3" } }],
    update: [{ where: { id: 3 }, data: { meta: "4" } }],
    updateMany: { where: { meta: { equals: "5" } }, data: { meta: "6" } },
    upsert: { where: { id: 4 }, create: { meta: "7" }, update: { meta: "8" } },
    deleteMany: { meta: { equals: "9" } },
    disconnect: [{ id: 5 }]
  } }`;
  assert.deepEqual(argumentsOf('updateOneUser', text).data.posts, {
    create: [{ meta: json('1') }],
    createMany: { data: [{ meta: json('2') }], skipDuplicates: true },
    connect: { id: 1 },
    connectOrCreate: [{ where: { id: 2 }, create: { meta: json('3') } }],
    update: [{ where: { id: 3 }, data: { meta: json('4') } }],
    updateMany: { where: { meta: { equals: json('5') } }, data: { meta: json('6') } },
    upsert: { where: { id: 4 }, create: { meta: json('7') }, update: { meta: json('8') } },
    deleteMany: { meta: { equals: json('9') } },
    disconnect: [{ id: 5 }],
  });
});

test('a single related record is updated with bare data or with a condition', () => {
  assert.deepEqual(argumentsOf('updateOnePost', 'data: { author: { update: { info: "1" } } }').data.author, {
    update: { info: json('1') },
  });
  assert.deepEqual(
    argumentsOf('updateOnePost', 'data: { author: { update: { where: { id: 1 }, data: { info: "1" } } } }').data.author,
    { update: { where: { id: 1 }, data: { info: json('1') } } },
  );
});

test('included relations are selected, with their arguments marked by their own model', () => {
  const query = '{ result: findFirstUser { id posts(where: { meta: { equals: "1" } }, take: 1) { id author { name } } } }';
  assert.deepEqual(requestOf(query).query.selection, {
    id: true,
    posts: {
      arguments: { where: { meta: { equals: json('1') } }, take: 1 },
      selection: { id: true, author: { arguments: {}, selection: { name: true } } },
    },
  });
});

test('groupBy selects its aggregates', () => {
  const query = '{ result: groupByUser(by: ["name"], having: { id: { _sum: { gt: 1 } } }) { name _sum { id } _count { _all } } }';
  assert.deepEqual(requestOf(query), {
    modelName: 'User',
    action: 'groupBy',
    query: {
      arguments: { by: ['name'], having: { id: { _sum: { gt: 1 } } } },
      selection: {
        name: true,
        _sum: { arguments: {}, selection: { id: true } },
        _count: { arguments: {}, selection: { _all: true } },
      },
    },
  });
});

test('raw queries pass their parameters on as the text they are', () => {
  const query = 'mutation { result: queryRaw ( query: "SELECT $1", parameters: "[\\"2026-01-01T00:00:00+00:00\\", 1]" ) }';
  assert.deepEqual(requestOf(query), {
    action: 'queryRaw',
    modelName: undefined,
    query: { arguments: { query: 'SELECT $1', parameters: '["2026-01-01T00:00:00+00:00", 1]' }, selection: {} },
  });
});

test('an answer gets the name the query gave it, and plain values', () => {
  const { readAnswer } = translate({ query: '{ result: findManyUser { id } }' });
  const answer = {
    data: {
      findManyUser: [{
        id: { $type: 'BigInt', value: '5' },
        big: { $type: 'BigInt', value: '9007199254740993' },
        at: { $type: 'DateTime', value: '2026-01-01T00:00:00.000Z' },
        info: { $type: 'Json', value: '{"$type":"BigInt","value":"1"}' },
        posts: [{ raw: { $type: 'Bytes', value: 'AAE=' }, none: null }],
      }],
    },
  };
  assert.deepEqual(readAnswer(answer), {
    data: {
      result: [{
        id: 5,
        big: '9007199254740993',
        at: '2026-01-01T00:00:00.000Z',
        info: '{"$type":"BigInt","value":"1"}',
        posts: [{ raw: 'AAE=', none: null }],
      }],
    },
  });
});

test('rows of a raw query are passed on untouched, whatever JSON they hold', () => {
  const { readAnswer } = translate({ query: 'mutation { result: queryRaw(query: "", parameters: "[]") }' });
  const rows = { columns: ['j'], types: ['json'], rows: [[{ $type: 'BigInt', value: '1' }]] };
  assert.deepEqual(readAnswer({ data: { queryRaw: rows } }), { data: { result: rows } });
});

test('errors pass through', () => {
  const { readAnswer } = translate({ query: '{ result: findManyUser { id } }' });
  const answer = { errors: [{ error: 'x' }] };
  assert.equal(readAnswer(answer), answer);
});

for (const [query, message] of [
  ['{ broken', /^Syntax Error/],
  ['{ result: findManyNobody { id } }', /^unknown operation findManyNobody$/],
  ['{ a: findManyUser { id } b: findManyUser { id } }', /^a query must have exactly one root field$/],
  ['{ result: findManyUser(take: $n) { id } }', /^unknown variable \$n$/],
  ['{ result: findManyUser { ...f } } fragment f on User { id }', /^fragments are not supported$/],
]) {
  test(`"${query}" is refused`, () => {
    assert.throws(() => translate({ query }), (error) => error instanceof InvalidQuery && message.test(error.message));
  });
}
