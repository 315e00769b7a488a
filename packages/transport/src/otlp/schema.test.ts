import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTRIBUTE_TYPES } from '@openwit/ports';
import { messageTypes } from '../testing/otlp-proto.ts';
import { VALUE_TYPE } from './any-value.ts';
import { ENUMS, messageSchema } from './schema.ts';

test('the table of messages is what the .proto text says', () => {
  for (const type of messageTypes()) {
    const schema = messageSchema(type.name);
    if (schema === undefined) continue;
    const described = schema.map(({ name, number, type: of, isRepeated }) => ({
      name,
      number,
      isRepeated,
      type: plainType(of),
    }));
    const expected = type.fieldsArray.map(({ name, id, repeated, type: of }) => ({
      name,
      number: id,
      isRepeated: repeated,
      type: of,
    }));
    const byNumber = (a: { number: number }, b: { number: number }) => a.number - b.number;
    assert.deepEqual(described.sort(byNumber), expected.sort(byNumber), type.name);
  }
});

test('the enums start at 0 and are numbered without gaps', () => {
  assert.deepEqual(ENUMS.SpanKind!.names.indexOf('SERVER'), 2);
  assert.deepEqual(ENUMS.SeverityNumber!.names.indexOf('FATAL4'), 24);
});

test('the value types are the indexes of ATTRIBUTE_TYPES', () => {
  assert.deepEqual(Object.keys(VALUE_TYPE), [...ATTRIBUTE_TYPES]);
  assert.deepEqual(
    Object.values(VALUE_TYPE),
    ATTRIBUTE_TYPES.map((_, i) => i),
  );
});

function plainType(type: string): string {
  return type === 'id' ? 'bytes' : type;
}
