import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { defineEventModel } from '@analytics/shared/event/eventModel';
import { createMongoConnection } from '@analytics/shared/mongo/mongo';
import { type PipelineStage, Types } from 'mongoose';
import { expect, test } from 'vitest';
import {
  buildIntervalPipeline,
  buildIntervalUsersPipeline,
  buildSpillingIntervalPipeline,
} from '../../src/sources/events/intervalPipelines.ts';
import type { EventSelection } from '../../src/sources/events/matchEvents.ts';
import { buildSiteStatsPipeline } from '../../src/sources/events/siteStatsPipeline.ts';
import { buildUniqueUsersPipeline } from '../../src/sources/events/uniqueUsersPipeline.ts';
import {
  buildBreakdownPipeline,
  buildSpillingValueUsersPipeline,
  buildUsersOfValuesPipeline,
  buildValueUsersPipeline,
  buildValueViewsPipeline,
} from '../../src/sources/events/valuePipelines.ts';

const stack = useTestStack();
const connection = createMongoConnection();
stack.register(() => connection.close());
await connection.openUri(stack.MONGO_URI);
const Event = defineEventModel(connection);
await Event.createCollection();
await Event.createIndexes();
const DAY_MS = 86_400_000;
const startMs = Date.parse('2025-11-12T00:00:00Z');
await Event.insertMany(
  Array.from({ length: 200 }, (_, index) => ({
    _id: new Types.ObjectId(),
    site_id: index % 2 ? 'a' : 'b',
    event_type: 'page_view',
    path: `/${index % 7}`,
    user_id: index % 3 ? `user-${index % 11}` : null,
    timestamp: new Date(startMs + index * 600_000),
  })),
);

const span = { startMs, endMs: startMs + DAY_MS };
const steps = [0, 1, 2, 3].map((step) => ({
  startMs: startMs + (step * DAY_MS) / 4,
  endMs: startMs + ((step + 1) * DAY_MS) / 4,
}));

const pipelines: [name: string, build: (selection: EventSelection) => PipelineStage[]][] = [
  ['site stats', (selection) => buildSiteStatsPipeline(selection, 10)],
  ['users of a site', buildUniqueUsersPipeline],
  ['time series', (selection) => buildIntervalPipeline(selection, steps)],
  ['large time series', (selection) => buildSpillingIntervalPipeline(selection, steps)],
  ['users of steps', (selection) => buildIntervalUsersPipeline(selection, steps)],
  ['breakdown', (selection) => buildBreakdownPipeline(selection, { field: 'path', limit: 10, offset: 0 })],
  ['views of paths', (selection) => buildValueViewsPipeline(selection, 'path')],
  ['number of users of paths', (selection) => buildValueUsersPipeline(selection, 'path', ['/1', '/2'])],
  ['many users of paths', (selection) => buildSpillingValueUsersPipeline(selection, 'path', ['/1', '/2'])],
  ['users of paths', (selection) => buildUsersOfValuesPipeline(selection, 'path', ['/1', '/2'])],
];

const selections: [name: string, selection: EventSelection][] = [
  ['a day', { site_id: 'a', span }],
  ['all time', { site_id: 'a' }],
];

test.each(
  pipelines.flatMap(([name, build]) => selections.map(([of, each]) => [name, of, build(each)] as const)),
)('the %s of %s are read from an index, and no document is fetched', async (_name, _of, pipeline) => {
  const explained = await Event.aggregate(pipeline).explain('executionStats');
  const { executionStats } = findCursor(explained);

  expect(executionStats.totalKeysExamined).toBeGreaterThan(0);
  expect(executionStats.totalDocsExamined).toBe(0);
});

interface Explained {
  stages?: { $cursor?: Explained }[];
  executionStats: { totalKeysExamined: number; totalDocsExamined: number };
}

/** A pipeline whose stages are not all done by the query engine explains the query in its first stage. */
function findCursor(explained: unknown): Explained {
  const whole = explained as Explained;
  return whole.stages?.[0]?.$cursor ?? whole;
}
