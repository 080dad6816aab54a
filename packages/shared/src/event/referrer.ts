import { domainToASCII } from 'node:url';
import { isStorableText } from './text.ts';

/** The longest referrer that is stored, in UTF-16 code units. */
export const MAX_REFERRER_LENGTH = 2048;

/**
 * The longest name in DNS, written without its last dot (RFC 1035, 2.3.4: 255 octets, two more than the text
 * has characters).
 */
const MAX_HOST_LENGTH = 253;

/**
 * The longest text that is read as a host, or as the user, host and port of a URL. Converting a host to ASCII
 * takes time that grows with the square of its length: 20,000 characters take a third of a second.
 */
export const MAX_HOST_TEXT_LENGTH = 300;

/** The usual URL, whose host needs no conversion unless a label is Punycode. */
const PLAIN_URL = /^https?:\/\/((?:[a-z0-9-]+\.)+[a-z]{2,})(?=[/?#]|$)/;

/**
 * A URL up to the end of its authority. No path, query or fragment makes a URL invalid, so they are not
 * parsed.
 */
const URL_START = new RegExp(
  `^[\\0- ]*[a-z][a-z0-9+.-]{0,63}:[\\\\/]*[^\\\\/?#]{1,${MAX_HOST_TEXT_LENGTH}}(?=[\\\\/?#]|$)`,
  'i',
);

/**
 * Finds the host of an absolute URL, in the spelling of `normalizeHost` and without the port.
 *
 * @returns undefined if the text is not an absolute URL or has no host.
 */
export function findReferrerHost(url: string): string | undefined {
  return findPlainHost(url) ?? findHost(parseStart(url));
}

/**
 * The referrer that is stored: the text itself if it is an absolute URL with a host. A URL that is longer
 * than `MAX_REFERRER_LENGTH`, or that holds characters that cannot be stored, is cut to
 * `scheme://host:port/`, as browsers cut theirs
 * (https://www.w3.org/TR/referrer-policy/#determine-requests-referrer).
 *
 * @returns undefined if the text counts as no referrer.
 */
export function toStoredReferrer(referrer: string): string | undefined {
  const isStorable = referrer.length <= MAX_REFERRER_LENGTH && isStorableText(referrer);
  if (isStorable && findPlainHost(referrer) !== undefined) {
    return referrer;
  }
  const parsed = parseStart(referrer);
  const host = findHost(parsed);
  if (parsed === undefined || host === undefined) {
    return undefined;
  }
  const { protocol, port } = parsed;
  return isStorable ? referrer : `${protocol}//${host}${port && `:${port}`}/`;
}

/**
 * Returns the one spelling of a host: lower case, Punycode, without a trailing dot. The caller limits the
 * length.
 *
 * @returns undefined if the text cannot be the host of a URL.
 */
export function normalizeHost(host: string): string | undefined {
  return /[\\/?#]/.test(host) ? undefined : dropTrailingDots(domainToASCII(host));
}

function findPlainHost(url: string): string | undefined {
  const host = PLAIN_URL.exec(url)?.[1];
  return host !== undefined && host.length <= MAX_HOST_LENGTH && !host.includes('xn--') ? host : undefined;
}

function parseStart(url: string): URL | undefined {
  const start = URL_START.exec(url)?.[0];
  if (start === undefined) {
    return undefined;
  }
  // Not `URL.canParse`: Node 20 and 22 take Latin-1 for UTF-8 in it, once V8 has optimized the call.
  try {
    return new URL(start);
  } catch {
    return undefined;
  }
}

/** The URL Standard leaves the host of an unknown scheme as it is written, except for percent-encoding. */
function findHost(url: URL | undefined): string | undefined {
  if (url === undefined) {
    return undefined;
  }
  const { protocol, hostname } = url;
  return protocol === 'https:' || protocol === 'http:' ? dropTrailingDots(hostname) : normalizeHost(hostname);
}

/**
 * Returns undefined if the host without its dots would be another one: `0..` is a name, but `0` is an
 * address.
 */
function dropTrailingDots(ascii: string): string | undefined {
  const host = ascii.endsWith('.') ? ascii.replace(/\.+$/, '') : ascii;
  const isSame = host === ascii || domainToASCII(host) === host;
  return isSame && host !== '' && host.length <= MAX_HOST_LENGTH ? host : undefined;
}
