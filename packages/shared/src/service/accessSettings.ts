import { isIP } from 'node:net';
import { z } from 'zod';
import { type Environment, wholeNumberSetting } from './config.ts';

/** Who may write events and read reports. `withAuthMode` sets its default. */
export const accessSettings = {
  AUTH_MODE: z.enum(['open', 'keys'], {
    error: ({ input }) =>
      input === undefined
        ? 'must be set with NODE_ENV=production: keys, so that only API keys and the domains of a site have access, or open, so that everybody does'
        : 'must be open or keys',
  }),
};

const TRUST_PROXY_RULE =
  'must be a number of proxies from 0 to 100, or their addresses and networks, separated by commas, such as 10.0.0.0/8,2001:db8::/32';

/** The proxies whose `X-Forwarded-For` is believed. */
export const proxySettings = {
  TRUST_PROXY: z
    .string()
    .default('0')
    .transform((text, context) => {
      const value = /^\d{1,3}$/.test(text) ? Number(text) : text.split(',').map((part) => part.trim());
      const isValid = typeof value === 'number' ? value <= 100 : value.every(isNetwork);
      if (!isValid) {
        context.addIssue({ code: 'custom', message: TRUST_PROXY_RULE });
        return z.NEVER;
      }
      return value;
    }),
};

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  const maxBits = version === 4 ? 32 : 128;
  const isPrefix = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= maxBits);
  return version !== 0 && isPrefix && rest.length === 0;
}

/** Requests or events per minute; 0: no limit. */
export const limitSetting = wholeNumberSetting({ min: 0, max: 1_000_000_000, default: 0 });

/** Without `AUTH_MODE`, everybody has access. Production must decide. */
export function withAuthMode(environment: Environment): Environment {
  return environment['NODE_ENV'] === 'production' ? environment : { AUTH_MODE: 'open', ...environment };
}
