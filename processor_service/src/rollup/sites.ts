import { randomInt } from 'node:crypto';
import {
  EVENT_DIMENSIONS,
  QUARTERS,
  type RollupCollections,
  TOTALS,
} from '@analytics/shared/rollup/rollupCollections';
import { mongo } from 'mongoose';

/** The most properties of one site that are rolled up. Reports on the others read events. */
export const MAX_PROPERTY_DIMENSIONS = 100;

const ALWAYS_ROLLED_UP = [TOTALS, QUARTERS, ...EVENT_DIMENSIONS];

/** There is room for as many sites above it. */
const MAX_FIRST_NUMBER = 2 ** 30;

const DUPLICATE_KEY = 11000;

export interface RollupSite {
  readonly site_id: string;
  readonly number: number;
  /** Every dimension that is rolled up, the totals first. */
  readonly dimensions: ReadonlySet<string>;
  /** Takes a new dimension in, unless there are too many. */
  admit(dimension: string): boolean;
  /**
   * Makes known what was taken in, or could not be. Must come before the rollups that show it.
   *
   * @throws Error if another process has taken in others since: then what was counted may lack them.
   */
  save(): Promise<void>;
}

/** Finds what is known of a site, and gives it a number if it is new. */
export async function openSite(
  { sites }: Pick<RollupCollections, 'sites'>,
  site_id: string,
): Promise<RollupSite> {
  const document = (await sites.findOne({ _id: site_id })) ?? (await createSite(sites, site_id));
  const dimensions = new Set(document.dimensions);
  let known = { size: dimensions.size, hasMore: document.has_more_dimensions };
  let { hasMore } = known;
  let lastSave: Promise<void> = Promise.resolve();
  return {
    site_id,
    number: document.number,
    dimensions,
    admit: (dimension) => {
      if (!dimensions.has(dimension)) {
        if (dimensions.size >= ALWAYS_ROLLED_UP.length + MAX_PROPERTY_DIMENSIONS) {
          hasMore = true;
          return false;
        }
        dimensions.add(dimension);
      }
      return true;
    },
    save: () => {
      // One after another, each with all that was taken in by then.
      const turn = lastSave.then(saveNow);
      lastSave = turn.catch(() => undefined);
      return turn;
    },
  };

  async function saveNow(): Promise<void> {
    if (dimensions.size === known.size && hasMore === known.hasMore) {
      return;
    }
    const saved = { size: dimensions.size, hasMore };
    const { matchedCount } = await sites.updateOne(
      { _id: site_id, dimensions: { $size: known.size }, has_more_dimensions: known.hasMore },
      { $set: { dimensions: [...dimensions], has_more_dimensions: hasMore } },
    );
    if (matchedCount === 0) {
      throw new Error('Another process has met new properties of the site. Its hours are counted again.');
    }
    known = saved;
  }
}

/** The dimensions that days and months have: an hour's quarters mean nothing there. */
export function listFoldedDimensions({ dimensions }: Pick<RollupSite, 'dimensions'>): string[] {
  return [...dimensions].filter((dimension) => dimension !== QUARTERS);
}

/**
 * Numbers follow each other, from one that no site had before everything was thrown away: what is remembered
 * of that somewhere is never taken for what is. Two that ask at once meet the unique index on them, and the
 * later one asks again.
 */
async function createSite(sites: RollupCollections['sites'], site_id: string) {
  for (;;) {
    const [last] = await sites.find().sort({ number: -1 }).limit(1).toArray();
    const document = {
      _id: site_id,
      number: (last?.number ?? randomInt(MAX_FIRST_NUMBER)) + 1,
      dimensions: ALWAYS_ROLLED_UP,
      has_more_dimensions: false,
    };
    try {
      await sites.insertOne(document);
      return document;
    } catch (error) {
      if (!(error instanceof mongo.MongoServerError && error.code === DUPLICATE_KEY)) {
        throw error;
      }
      const found = await sites.findOne({ _id: site_id });
      if (found) {
        return found;
      }
    }
  }
}
