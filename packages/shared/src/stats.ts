import { z } from 'zod';
import { siteIdSchema } from './event.ts';

/** The query of `GET /stats`. */
export const statsQuerySchema = z.strictObject({
  site_id: siteIdSchema,
  date: z.iso
    .date({
      error: (issue) =>
        Array.isArray(issue.input)
          ? 'must be given once'
          : 'must be a day of the calendar as YYYY-MM-DD (UTC)',
    })
    .optional(),
});

export type StatsQuery = z.infer<typeof statsQuerySchema>;

export interface PathViews {
  path: string;
  views: number;
}

/** The answer of `GET /stats`. */
export interface SiteStats {
  site_id: string;
  /** The UTC day as YYYY-MM-DD, or null for all time. */
  date: string | null;
  total_views: number;
  /** Distinct users; anonymous views count in `total_views` only. */
  unique_users: number;
  /** Most views first, ties by path in the order of its UTF-8 bytes. */
  top_paths: PathViews[];
}
