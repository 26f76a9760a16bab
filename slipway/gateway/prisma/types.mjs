// A pg client whose results only have column types that Prisma's adapter knows.
//
// The adapter refuses a result with a system type it has no mapping for (void, name, regclass …), where the native
// engine gives text. Such columns are announced as text; user-defined types (OID 10000 and up) the adapter shows as
// text by itself.

import pg from 'pg';

const TEXT = 25;
const FIRST_USER_OID = 10000;

// The types that @prisma/adapter-pg 5.17 maps, and their arrays (fieldToColumnType in its dist/index.js).
const KNOWN = new Set([
  16, 17, 20, 21, 23, 25, 26, 114, 142, 650, 700, 701, 790, 869, 1042, 1043, 1082, 1083, 1114, 1184, 1266, 1560, 1562,
  1700, 2950, 3802,
  143, 199, 651, 791, 1000, 1001, 1002, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1028, 1041, 1115, 1182, 1183,
  1231, 1561, 1563, 2951, 3807,
]);

/** The type to announce for a column of type `oid`. */
export function shownType(oid) {
  return oid < FIRST_USER_OID && !KNOWN.has(oid) ? TEXT : oid;
}

export class TextFallbackClient extends pg.Client {
  // The one place where a result's columns pass by once per query, before values are parsed by their type.
  _handleRowDescription(message) {
    for (const field of message.fields) field.dataTypeID = shownType(field.dataTypeID);
    super._handleRowDescription(message);
  }
}
