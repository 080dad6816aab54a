import mongoose from 'mongoose';
import { expect, test } from 'vitest';
import { eventInputSchema, eventJobSchema } from '../../src/event/event.ts';
import { defineEventModel } from '../../src/event/eventModel.ts';

test('a stored document has the fields of a queued event, its host of the referrer and the times of storing', () => {
  const { schema } = defineEventModel(mongoose.createConnection());

  expect(Object.keys(schema.paths).sort()).toEqual(
    [...Object.keys(eventJobSchema.shape), 'referrer_host', 'createdAt', 'updatedAt'].sort(),
  );
});

test('a client sends the same fields as the queued event, with event_id instead of _id', () => {
  const queued = Object.keys(eventJobSchema.shape).filter((key) => key !== '_id');

  expect(Object.keys(eventInputSchema.shape).sort()).toEqual([...queued, 'event_id'].sort());
});

test('the indexes are those of the design', () => {
  const { schema } = defineEventModel(mongoose.createConnection());

  expect(schema.indexes().map(([fields]) => fields)).toEqual([
    { site_id: 1, timestamp: 1, path: 1, user_id: 1 },
    { timestamp: 1 },
    { site_id: 1, path: 1 },
  ]);
});
