import { TEXT_LIMITS } from '@analytics/shared/event/eventFields';
import { text } from '@analytics/shared/event/text';
import { z } from 'zod';
import { KEY_KINDS, type KeyKind } from './apiKey.ts';
import { domainSchema } from './domain.ts';

const MAX_DOMAINS = 100;
const MAX_ALIASES = 20;

const siteName = text(TEXT_LIMITS.site_id);

/** A century. A longer retention is a mistake. */
const MAX_RETENTION_DAYS = 36_500;
const RETENTION_RULE = `must be a whole number of days from 1 to ${MAX_RETENTION_DAYS}, or null for ever`;
const retentionDays = z
  .int(RETENTION_RULE)
  .min(1, RETENTION_RULE)
  .max(MAX_RETENTION_DAYS, RETENTION_RULE)
  .nullable();

/** A new site. `id` is the `site_id` of its events; `aliases` are other values that mean the same site. */
export const siteInputSchema = z.strictObject({
  id: siteName,
  name: text(128).optional(),
  domains: z.array(domainSchema).max(MAX_DOMAINS, `must have at most ${MAX_DOMAINS} entries`).default([]),
  aliases: z.array(siteName).max(MAX_ALIASES, `must have at most ${MAX_ALIASES} entries`).default([]),
  retention_days: retentionDays.default(null).describe('Events of earlier days are deleted. Null: never.'),
});

/** Changes of a site. A list replaces the former list. */
export const siteChangesSchema = siteInputSchema.omit({ id: true }).extend({
  domains: siteInputSchema.shape.domains.unwrap().optional(),
  aliases: siteInputSchema.shape.aliases.unwrap().optional(),
  retention_days: retentionDays.optional(),
});

export type SiteInput = z.input<typeof siteInputSchema>;
export type SiteChanges = z.infer<typeof siteChangesSchema>;

/** A document of `sites`. */
export interface SiteDocument {
  _id: string;
  name: string;
  domains: string[];
  /** The id, then the aliases. A unique index over it keeps every name with one site. */
  names: string[];
  /** Keep the events of this many days before today. Absent or null: all. */
  retention_days?: number | null;
  created_at: Date;
  updated_at: Date;
}

/** A new key. `site_id` is null for an admin key only. */
export const keyInputSchema = z
  .strictObject({
    kind: z.enum(KEY_KINDS, { error: `must be one of ${KEY_KINDS.join(', ')}` }),
    site_id: siteName.nullable().default(null),
    label: text(128),
    expires_at: z.coerce
      .date({ error: 'must be a time, such as 2027-01-31T00:00:00Z' })
      .nullable()
      .default(null),
  })
  .refine(({ kind, site_id }) => (kind === 'admin') === (site_id === null), {
    path: ['site_id'],
    message: 'is required, except for an admin key, where it is not allowed',
  });

export type KeyInput = z.input<typeof keyInputSchema>;

/** A document of `keys`. */
export interface KeyDocument {
  /** SHA-256 of the key. */
  _id: string;
  kind: KeyKind;
  site_id: string | null;
  label: string;
  created_at: Date;
  updated_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  /** To within some minutes. */
  last_used_at: Date | null;
}

const time = z.iso.datetime();

/** A site as people and tools see it. */
export const siteSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  domains: z.array(z.string()),
  aliases: z.array(z.string()),
  retention_days: z.int().nullable(),
  created_at: time,
  updated_at: time,
});

export type Site = z.infer<typeof siteSchema>;

/** A key as people and tools see it, without its secret. */
export const keySummarySchema = z.strictObject({
  id: z.string(),
  kind: z.enum(KEY_KINDS),
  site_id: z.string().nullable(),
  label: z.string(),
  created_at: time,
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
  last_used_at: time.nullable(),
});

export type KeySummary = z.infer<typeof keySummarySchema>;

/** A new key with its secret. */
export const newKeySchema = keySummarySchema.extend({ key: z.string() });

/** The parameters of a list of keys. */
export const keyQuerySchema = z.strictObject({
  site_id: z.string('must be given once').optional().describe('The id of a site. Absent: all keys.'),
});
