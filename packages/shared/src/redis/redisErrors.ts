import type { Redis } from 'ioredis';

/**
 * The event of a connection that reconnects because the server rejected a command. Its argument is the reply.
 * ioredis emits no error for it.
 */
export const REFUSED = 'refused';

/**
 * The reply of a server that rejects writes, to a command or to a script of an older version. Its address may
 * lead to a new primary by now.
 */
export const READ_ONLY_REPLY = /^(-?READONLY|MASTERDOWN) |: -READONLY /;

/**
 * Calls `onFailure` for every error of a connection that ioredis emits, for a connection that ends before its
 * first reply, and for a reply because of which it reconnects.
 */
export function watchRedisErrors(redis: Redis, onFailure: (error: Error) => void): void {
  let isAnswered = false;
  let attemptError: NodeJS.ErrnoException | undefined;
  redis.on('connecting', () => {
    isAnswered = false;
    attemptError = undefined;
  });
  redis.on('connect', () => {
    redis.once('close', () => {
      if (!isAnswered && (attemptError === undefined || attemptError.code === 'ECONNRESET')) {
        onFailure(new Error(CLOSED_EARLY, { cause: attemptError }));
      }
    });
  });
  redis.on('ready', () => {
    isAnswered = true;
  });
  redis.on(REFUSED, onFailure);
  redis.on('error', (error: NodeJS.ErrnoException) => {
    attemptError = error;
    const isTlsTimeout = error.code === 'ETIMEDOUT' && redis.options.tls;
    onFailure(isTlsTimeout ? new Error(NO_TLS, { cause: error }) : error);
  });
}

const CLOSED_EARLY =
  'it closes the connection before it answers. If it speaks TLS, set REDIS_URL=rediss://<user>:<password>@<host>:<port>.';

/** A Redis without TLS may take the handshake for the begin of a command, and wait. */
const NO_TLS =
  'it does not answer in TLS. If it can be reached and speaks none, write redis:// in REDIS_URL.';

const ONE_PRIMARY = 'Set REDIS_HOST and REDIS_PORT, or REDIS_URL, to a primary that is no part of a cluster';

/** Messages of Redis, TLS and ioredis, with an explanation for the operator. */
const EXPLANATIONS: readonly (readonly [pattern: RegExp, explanation: string])[] = [
  [
    READ_ONLY_REPLY,
    'it is a read-only replica. Set REDIS_HOST and REDIS_PORT, or REDIS_URL, to the primary; after a failover this passes by itself.',
  ],
  [
    /^(MOVED|ASK|CLUSTERDOWN|CROSSSLOT|TRYAGAIN) |SELECT is not allowed in cluster mode/,
    `it is a node of a Redis Cluster, which is not supported. ${ONE_PRIMARY}.`,
  ],
  [
    /unknown command/,
    `it does not know the command DEL, so it is a Redis Sentinel or no Redis; neither is supported. ${ONE_PRIMARY}.`,
  ],
  [
    /^NOPERM /,
    "its user may not run DEL on the queue's keys. Allow all commands that BullMQ uses: ACL SETUSER <user> ~<QUEUE_PREFIX>:* +@all -@admin -@dangerous +info +config|get.",
  ],
  [
    /^NOAUTH /,
    'it asks for a password. Set REDIS_PASSWORD, or REDIS_URL=redis://<user>:<password>@<host>:<port> for a user of its ACL.',
  ],
  [
    /^WRONGPASS /,
    'it does not accept the user name or the password. Check REDIS_PASSWORD, or the user and the password in REDIS_URL.',
  ],
  [/DB index is out of range/, 'it has no database of the number at the end of REDIS_URL.'],
  [
    /self-signed certificate|unable to (verify the first|get (local )?issuer) certificate/,
    'its certificate comes from an authority that is not known here. Name the file with its certificate in NODE_EXTRA_CA_CERTS.',
  ],
  [/wrong version number|packet length too long/, NO_TLS],
  [/max retries per request|Stream isn't writeable|^Connection is closed/, 'the connection was lost.'],
];

/** Explains a known error of a Redis connection and how to fix it. Returns any other error as it is. */
export function explainRedisError(error: Error): Error {
  const [, explanation] = EXPLANATIONS.find(([pattern]) => pattern.test(error.message)) ?? [];
  return explanation === undefined ? error : new Error(explanation, { cause: error });
}
