import assert from 'node:assert/strict';
import { test } from 'node:test';

import { load } from './sources.mjs';

const { shownType } = await load('types.mjs');

for (const [name, oid, shown] of [
  ['int8', 20, 20],
  ['jsonb', 3802, 3802],
  ['uuid[]', 2951, 2951],
  ['name', 19, 25],
  ['void', 2278, 25],
  ['interval', 1186, 25],
  ['an enum of the user', 16384, 16384],
]) {
  test(`${name} is shown as type ${shown}`, () => assert.equal(shownType(oid), shown));
}
