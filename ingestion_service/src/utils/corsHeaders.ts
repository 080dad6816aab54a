/**
 * Pages of any origin may read the answers: they say nothing about a site, and no cookie is involved. Which
 * origins may write is decided by `access/`. The headers are the same for every origin, so no `Vary` is
 * needed.
 */
export const CORS_HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Retry-After, RateLimit, RateLimit-Policy',
};
