import { randomInt } from 'node:crypto';
import {
  QUARTER_HOUR_DIMENSION,
  type RollupCollections,
  type SiteCodeDocument,
  TOTAL_DIMENSION,
} from '@analytics/rollups/documents';
import { createSequence } from '@analytics/shared/async/sequence';
import { EVENT_DIMENSIONS } from '@analytics/shared/event/dimensions';
import { hasErrorCode } from '@analytics/shared/mongo/mongoErrors';

/** The most properties of one site that have rollups. Reports on the others read events. */
const MAX_PROPERTY_DIMENSIONS = 100;

const DIMENSIONS_OF_EVERY_SITE = [TOTAL_DIMENSION, QUARTER_HOUR_DIMENSION, ...EVENT_DIMENSIONS];

/** Leaves room for as many sites above it. */
const MAX_FIRST_CODE = 2 ** 30;

/** A site while its rollups are built. */
export interface RollupSite {
  readonly site_id: string;
  readonly code: number;
  /** Every dimension that has rollups, the totals first. */
  readonly dimensions: ReadonlySet<string>;
  /** Adds a dimension. Returns whether the site has it now: it may have too many. */
  registerDimension(dimension: string): boolean;
  /**
   * Stores the dimensions that were added. Must precede the rollups that contain them.
   *
   * @throws Error if another process has added others since: the counts may lack them.
   */
  save(): Promise<void>;
}

/** Reads a site, and gives it a code if it is new. */
export async function openSite(
  { siteCodes }: Pick<RollupCollections, 'siteCodes'>,
  site_id: string,
): Promise<RollupSite> {
  const document = (await siteCodes.findOne({ _id: site_id })) ?? (await createSite(siteCodes, site_id));
  const dimensions = new Set(document.dimensions);
  let stored = { size: dimensions.size, hasMore: document.has_more_dimensions };
  let { hasMore } = stored;
  const inTurn = createSequence();
  return {
    site_id,
    code: document.code,
    dimensions,
    registerDimension: (dimension) => {
      if (!dimensions.has(dimension)) {
        if (dimensions.size >= DIMENSIONS_OF_EVERY_SITE.length + MAX_PROPERTY_DIMENSIONS) {
          hasMore = true;
          return false;
        }
        dimensions.add(dimension);
      }
      return true;
    },
    // One after another, each with all dimensions that were added by then.
    save: () => inTurn(saveNow),
  };

  async function saveNow(): Promise<void> {
    if (dimensions.size === stored.size && hasMore === stored.hasMore) {
      return;
    }
    const saved = { size: dimensions.size, hasMore };
    const { matchedCount } = await siteCodes.updateOne(
      { _id: site_id, dimensions: { $size: stored.size }, has_more_dimensions: stored.hasMore },
      { $set: { dimensions: [...dimensions], has_more_dimensions: hasMore } },
    );
    if (matchedCount === 0) {
      throw new Error('Another process has added dimensions to the site. Its hours are counted again.');
    }
    stored = saved;
  }
}

/** The dimensions of days and months, which have no quarters of an hour. */
export function listMergedDimensions({ dimensions }: Pick<RollupSite, 'dimensions'>): string[] {
  return [...dimensions].filter((dimension) => dimension !== QUARTER_HOUR_DIMENSION);
}

/**
 * Codes are sequential from a random start, so that codes cached before a reset never match a site created
 * after it. If two processes choose the same code, the unique index refuses the second one, which chooses
 * again.
 */
async function createSite(
  siteCodes: RollupCollections['siteCodes'],
  site_id: string,
): Promise<SiteCodeDocument> {
  for (;;) {
    const [last] = await siteCodes.find().sort({ code: -1 }).limit(1).toArray();
    const code = (last?.code ?? randomInt(MAX_FIRST_CODE)) + 1;
    try {
      const site = await siteCodes.findOneAndUpdate(
        { _id: site_id },
        { $setOnInsert: { code, dimensions: DIMENSIONS_OF_EVERY_SITE, has_more_dimensions: false } },
        { upsert: true, returnDocument: 'after' },
      );
      if (site) {
        return site;
      }
    } catch (error) {
      if (!hasErrorCode(error, 'DuplicateKey')) {
        throw error;
      }
    }
  }
}
