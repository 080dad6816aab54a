import { mongo } from 'mongoose';
import { scatter } from '../../src/events.ts';

/** The events of one site, spread evenly over a period. */
export interface SiteEvents {
  site_id: string;
  count: number;
  users: number;
  /** Milliseconds since 1970. */
  startMs: number;
  /** Milliseconds since 1970, exclusive. */
  endMs: number;
  /** Whether the events have referrers and a property. */
  hasDetails: boolean;
}

const PATHS = 500;
const HOSTS = 50;
const PLANS = ['free', 'team', 'company'];

const BATCH_SIZE = 2000;
const BATCHES_IN_FLIGHT = 3;

/** Inserts the documents that the worker would store, by ascending time. */
export async function insertSiteEvents(collection: mongo.Collection, source: SiteEvents): Promise<void> {
  let next = 0;
  const insertBatches = async () => {
    while (next < source.count) {
      const first = next;
      next = Math.min(first + BATCH_SIZE, source.count);
      const documents = Array.from({ length: next - first }, (_, offset) =>
        createDocument(source, first + offset),
      );
      await collection.insertMany(documents, { ordered: false });
    }
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, insertBatches));
}

function createDocument(source: SiteEvents, index: number): mongo.Document {
  const { site_id, count, users, startMs, endMs, hasDetails } = source;
  const timestamp = new Date(startMs + Math.floor((index / count) * (endMs - startMs)));
  const host = `site-${scatter(index, 7, HOSTS)}.example`;
  return {
    _id: new mongo.ObjectId(),
    site_id,
    event_type: scatter(index, 6, 10) === 0 ? 'sign_up' : 'page_view',
    path: `/articles/page-${scatter(index, 2, PATHS)}`,
    user_id: `user-${scatter(index, 3, users)}`,
    timestamp,
    ...(hasDetails && scatter(index, 5, 3) === 0 && { referrer: `https://${host}/`, referrer_host: host }),
    ...(hasDetails && { properties: { plan: PLANS[scatter(index, 8, PLANS.length)] } }),
    createdAt: timestamp,
    updatedAt: timestamp,
  };
}
