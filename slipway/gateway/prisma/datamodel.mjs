// A small reader of schema.prisma: what the translation must know of it, and no more.
// The engine validates the schema when it loads it, so nothing is checked here.

const BLOCK = /^(model|view|type|enum|datasource|generator)\s+(\w+)\s*\{/;
const FIELD = /^(\w+)\s+(\w+)/;
const PROPERTY = /^(\w+)\s*=\s*(.+)$/;

/** Drop a `//` comment, unless the slashes are inside a string. */
function withoutComment(line) {
  return line.match(/^(?:"(?:\\.|[^"\\])*"|(?!\/\/).)*/)[0].trim();
}

/** Yield `{ kind, name, lines }` for each top-level block. */
function* blocks(text) {
  let block = null;
  for (const raw of text.split(/\r?\n/)) {
    const line = withoutComment(raw);
    const start = BLOCK.exec(line);
    if (!block && start) block = { kind: start[1], name: start[2], lines: [] };
    else if (block && line.startsWith('}')) {
      yield block;
      block = null;
    } else if (block && line) block.lines.push(line);
  }
}

/** The datasource's `url = env("NAME")` or `url = "…"`, as `{ env }` or `{ value }`. */
function readUrl(lines) {
  for (const line of lines) {
    const [, name, value] = PROPERTY.exec(line) ?? [];
    if (name !== 'url') continue;
    const env = /^env\(\s*"([^"]+)"\s*\)$/.exec(value);
    return env ? { env: env[1] } : { value: JSON.parse(value) };
  }
  return null;
}

/**
 * Read a schema into `{ models, datasourceName, url }`. `models` maps a model's name to a Map from each field's name
 * to the name of its type: a scalar, an enum, or another model.
 */
export function readDatamodel(text) {
  const datamodel = { models: new Map(), datasourceName: null, url: null };
  for (const { kind, name, lines } of blocks(text)) {
    if (kind === 'model' || kind === 'view') {
      const fields = lines.map((line) => FIELD.exec(line)).filter(Boolean);
      datamodel.models.set(name, new Map(fields.map(([, field, type]) => [field, type])));
    } else if (kind === 'datasource') {
      datamodel.datasourceName = name;
      datamodel.url = readUrl(lines);
    }
  }
  return datamodel;
}
