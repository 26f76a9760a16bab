// Marks the Json values in a query's arguments.
//
// In GraphQL a Json value is a string like any other, and the engine knows from its schema what it is. The JSON
// protocol wants it marked as { $type: 'Json', value }, so the arguments are walked along the datamodel: Prisma's
// input types, reduced to the places where a Json field can appear.

const LOGICAL = new Set(['AND', 'OR', 'NOT']);
const RELATION_FILTERS = new Set(['is', 'isNot', 'some', 'every', 'none']);
const JSON_COMPARISONS = new Set([
  'equals', 'not', 'lt', 'lte', 'gt', 'gte', 'array_contains', 'array_starts_with', 'array_ends_with',
]);
const JSON_LIST_WRITES = new Set(['set', 'push']);

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value) && !('$type' in value);

/** Rebuild `value` with `change(fieldValue, key)` applied to each entry; a list stands for each of its items. */
function mapEntries(value, change) {
  if (Array.isArray(value)) return value.map((item) => mapEntries(item, change));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, change(entry, key)]));
}

/** A Json value is a string of JSON, or a list of them for a `Json[]` field; null stays null. */
function marked(value) {
  if (Array.isArray(value)) return value.map(marked);
  return typeof value === 'string' ? { $type: 'Json', value } : value;
}

/** `field: "…"`, or `field: { equals: "…" }` with one of the operators that take a Json value. */
function markOperators(value, operators) {
  if (!isObject(value)) return marked(value);
  return mapEntries(value, (operand, operator) => (operators.has(operator) ? marked(operand) : operand));
}

/** Build the marker for one datamodel: `markArguments(args, modelName)` returns the arguments of a query, marked. */
export function createJsonMarker(models) {
  const typeOf = (model, field) => models.get(model)?.get(field);

  /** WhereInput, WhereUniqueInput and the `having` of groupBy. */
  function filter(value, model) {
    return mapEntries(value, (entry, key) => {
      if (LOGICAL.has(key)) return filter(entry, model);
      const type = typeOf(model, key);
      if (type === 'Json') return markOperators(entry, JSON_COMPARISONS);
      return models.has(type) ? relationFilter(entry, type) : entry;
    });
  }

  /** `relation: { is: {…} }`, or the related model's own filter as a shorthand. */
  function relationFilter(value, model) {
    if (!isObject(value)) return value;
    const operators = Object.keys(value).every((key) => RELATION_FILTERS.has(key));
    return operators ? mapEntries(value, (entry) => filter(entry, model)) : filter(value, model);
  }

  /** The data of a create or an update. */
  function data(value, model) {
    return mapEntries(value, (entry, key) => {
      const type = typeOf(model, key);
      if (type === 'Json') return markOperators(entry, JSON_LIST_WRITES);
      return models.has(type) ? nestedWrite(entry, type) : entry;
    });
  }

  function nestedWrite(value, model) {
    return mapEntries(value, (entry, operation) => {
      if (operation === 'create') return data(entry, model);
      if (operation === 'update') return update(entry, model);
      if (['createMany', 'connectOrCreate', 'upsert', 'updateMany'].includes(operation)) {
        return markArguments(entry, model);
      }
      return filter(entry, model); // connect, disconnect, set, delete, deleteMany
    });
  }

  /** Updating a list takes { where, data }; updating a single related record takes either that or the data itself. */
  function update(value, model) {
    if (Array.isArray(value)) return value.map((item) => update(item, model));
    const wrapped = isObject(value) && isObject(value.data) && Object.keys(value).every((k) => k === 'where' || k === 'data');
    return wrapped ? markArguments(value, model) : data(value, model);
  }

  const ARGUMENTS = { where: filter, having: filter, data, create: data, update: data };

  function markArguments(value, model) {
    return mapEntries(value, (entry, name) =>
      Object.hasOwn(ARGUMENTS, name) ? ARGUMENTS[name](entry, model) : entry,
    );
  }

  return markArguments;
}
