/** The places of a key in a request, as OpenAPI describes them. */
export const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'The header `Authorization: Bearer KEY`.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'The header `X-Api-Key: KEY`.' },
  writeKey: {
    type: 'apiKey',
    in: 'query',
    name: 'key',
    description: 'A write key, for clients that cannot set headers.',
  },
  shareToken: { type: 'apiKey', in: 'query', name: 'share', description: 'A share token, for links.' },
} as const;

export type SecuritySchemeName = keyof typeof SECURITY_SCHEMES;

export type SecurityScheme = (typeof SECURITY_SCHEMES)[SecuritySchemeName];
