// Translation between the GraphQL prisma-client-py speaks and the JSON protocol, the only one the WebAssembly build
// of the engine speaks. Pure: no I/O, no state but the datamodel.

import { Kind, parse } from 'graphql';

import { createJsonMarker } from './json_values.mjs';

// What a GraphQL field's name is made of: findUnique + Model, or findUnique + Model + OrThrow.
const MODEL_ACTIONS = [
  'findUnique', 'findFirst', 'findMany', 'createOne', 'createMany', 'createManyAndReturn', 'updateOne', 'updateMany',
  'upsertOne', 'deleteOne', 'deleteMany', 'aggregate', 'groupBy',
];
const THROWING_ACTIONS = ['findUnique', 'findFirst'];
const RAW_ACTIONS = new Set(['queryRaw', 'executeRaw']);

/** A query that cannot be translated; the text says why. */
export class InvalidQuery extends Error {}

/** GraphQL name -> { action, modelName }. Looked up, because the name of a model may itself end in "OrThrow". */
function buildOperations(models) {
  const operations = new Map();
  for (const action of RAW_ACTIONS) operations.set(action, { action });
  for (const modelName of models.keys()) {
    for (const action of MODEL_ACTIONS) operations.set(action + modelName, { action, modelName });
    for (const action of THROWING_ACTIONS) {
      operations.set(`${action}${modelName}OrThrow`, { action: `${action}OrThrow`, modelName });
    }
  }
  return operations;
}

function readInt(text) {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : { $type: 'BigInt', value: text };
}

/** A GraphQL value -> the JSON protocol's, before Json values are marked. */
function readValue(node, variables) {
  switch (node.kind) {
    case Kind.INT:
      return readInt(node.value);
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.STRING:
    case Kind.BOOLEAN:
      return node.value;
    case Kind.ENUM:
      return { $type: 'Enum', value: node.value };
    case Kind.NULL:
      return null;
    case Kind.LIST:
      return node.values.map((item) => readValue(item, variables));
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map((field) => [field.name.value, readValue(field.value, variables)]));
    case Kind.VARIABLE:
      if (!Object.hasOwn(variables, node.name.value)) throw new InvalidQuery(`unknown variable $${node.name.value}`);
      return variables[node.name.value];
    default:
      throw new InvalidQuery(`unexpected ${node.kind}`);
  }
}

function readArguments(field, variables) {
  return Object.fromEntries(field.arguments.map((argument) => [argument.name.value, readValue(argument.value, variables)]));
}

function parseOperation(text) {
  let document;
  try {
    document = parse(text, { noLocation: true });
  } catch (error) {
    throw new InvalidQuery(error.message);
  }
  const selections = document.definitions[0].selectionSet?.selections ?? [];
  if (selections.length !== 1) throw new InvalidQuery('a query must have exactly one root field');
  return selections[0];
}

/** Engine result -> what GraphQL would have said: { $type, value } gives way to the bare value. */
function unmark(value) {
  if (Array.isArray(value)) return value.map(unmark);
  if (value === null || typeof value !== 'object') return value;
  if ('$type' in value) return value.$type === 'BigInt' ? bigInt(value.value) : value.value;
  for (const key in value) value[key] = unmark(value[key]); // in place: results can be long
  return value;
}

/** A number where JSON can hold it exactly, else text, which pydantic reads as an integer too. */
function bigInt(text) {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

/**
 * Build the translator of one datamodel.
 *
 * `translate({ query, variables })` gives `{ request, readAnswer }`: the JSON protocol request, and the function that
 * turns the engine's answer to it into the answer prisma-client-py expects. Throws InvalidQuery.
 */
export function createTranslator({ models }) {
  const operations = buildOperations(models);
  const markJson = createJsonMarker(models);

  /** `modelName` is the model the fields belong to; a name that is no relation (`_count`) stays on it. */
  function readSelection(selectionSet, modelName, variables) {
    const selection = {};
    for (const field of selectionSet?.selections ?? []) {
      if (field.kind !== Kind.FIELD) throw new InvalidQuery('fragments are not supported');
      const name = field.name.value;
      if (!field.selectionSet && !field.arguments.length) {
        selection[name] = true;
        continue;
      }
      const type = models.get(modelName)?.get(name);
      selection[name] = readField(field, models.has(type) ? type : modelName, variables);
    }
    return selection;
  }

  function readField(field, modelName, variables) {
    return {
      arguments: markJson(readArguments(field, variables), modelName),
      selection: readSelection(field.selectionSet, modelName, variables),
    };
  }

  return function translate({ query, variables = {} }) {
    const root = parseOperation(query);
    const operation = operations.get(root.name.value);
    if (!operation) throw new InvalidQuery(`unknown operation ${root.name.value}`);
    const { action, modelName } = operation;
    const key = root.alias?.value ?? root.name.value;
    // Rows of raw queries may hold any JSON, even one with a "$type": they are passed on untouched.
    const read = RAW_ACTIONS.has(action) ? (result) => result : unmark;
    return {
      request: { modelName, action, query: readField(root, modelName, variables) },
      readAnswer(answer) {
        if (!answer.data) return answer;
        const [result] = Object.values(answer.data);
        return { ...answer, data: { [key]: read(result) } };
      },
    };
  };
}
