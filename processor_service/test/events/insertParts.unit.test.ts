import fc from 'fast-check';
import { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { toRecord } from '../../src/events/eventRecord.ts';
import { boundBytes, splitBySize } from '../../src/events/insertParts.ts';
import { createEvent } from '../createEvent.ts';

const text = (maxLength: number) => fc.string({ unit: 'binary', minLength: 1, maxLength });
const value = fc.oneof(text(300), fc.double({ noNaN: true }), fc.integer(), fc.boolean());

/** Records with texts of one to three bytes per code unit, and opaque hosts of nine. */
const record = fc
  .record({
    path: text(300),
    user_id: fc.option(text(100)),
    referrer: fc.option(fc.oneof(text(300), fc.constant(`app://${'\u20ac'.repeat(200)}`))),
    properties: fc.dictionary(fc.stringMatching(/^[a-z]{1,20}$/), value, { maxKeys: 20 }),
  })
  .map((change) => toRecord(createEvent(change), new Date(0)));

test('no document takes more bytes than its bound', () => {
  fc.assert(
    fc.property(record, (each) => {
      expect(boundBytes(each)).toBeGreaterThanOrEqual(mongo.BSON.calculateObjectSize(each));
    }),
  );
});

test('documents are divided into parts in their order, none of which takes more bytes as BSON than it may', () => {
  const maxBytes = 20_000;
  fc.assert(
    fc.property(fc.array(record, { maxLength: 60 }), (records) => {
      const parts = splitBySize(records, maxBytes);

      expect(parts.flat()).toEqual(records);
      for (const documents of parts.filter(({ length }) => length > 1)) {
        expect(mongo.BSON.calculateObjectSize({ documents })).toBeLessThanOrEqual(maxBytes);
      }
    }),
  );
});

test('what may be larger by its bound only is one part', () => {
  const records = Array.from({ length: 1000 }, () => toRecord(createEvent(), new Date(0)));
  const bytes = records.reduce((sum, each) => sum + mongo.BSON.calculateObjectSize(each) + 16, 0);

  expect(splitBySize(records, bytes)).toEqual([records]);
});
