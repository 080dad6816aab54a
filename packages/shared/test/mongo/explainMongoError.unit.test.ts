import { expect, test } from 'vitest';
import { explainMongoError, requireSupportedVersion } from '../../src/mongo/explainMongoError.ts';

// The messages are those of MongoDB 6.0 and 4.0, of Atlas, and of the driver.
test.each([
  [
    'Authentication failed.',
    'mongodb://root:s3cret@one:1,two:2/analytics',
    'Authentication failed. The user was looked up in the database "analytics", which MONGO_URI names. If it was created in "admin", as root is, add authSource=admin to MONGO_URI: mongodb://…/analytics?authSource=admin',
  ],
  [
    'Authentication failed.',
    'mongodb://root:s3cret@one/analytics?w=1&authSource=admin',
    'Authentication failed. The user name or the password in MONGO_URI is wrong.',
  ],
  [
    'Authentication failed.',
    'mongodb://root:s3cret@one',
    'Authentication failed. The user name or the password in MONGO_URI is wrong.',
  ],
  [
    'bad auth : authentication failed',
    'mongodb+srv://me:s3cret@cluster.example.net/analytics',
    'bad auth : authentication failed The user name or the password in MONGO_URI is wrong.',
  ],
  [
    'connection <monitor> to 127.0.0.1:27017 closed',
    'mongodb://127.0.0.1',
    'connection <monitor> to 127.0.0.1:27017 closed. If this MongoDB asks for TLS, add tls=true to MONGO_URI.',
  ],
  ['connect ECONNREFUSED 127.0.0.1:1', 'mongodb://127.0.0.1:1', 'connect ECONNREFUSED 127.0.0.1:1'],
])('says what to do about "%s" with %s', (message, uri, expected) => {
  expect(explainMongoError(new Error(message), uri).message).toBe(expected);
});

test('accepts MongoDB 6.0 and newer', () => {
  const sentence = 'This MongoDB is version 5.0.31, and 6.0 or newer is needed';

  expect(() => requireSupportedVersion('5.0.31')).toThrow(sentence);
  for (const version of ['6.0.0', '7.0.24', '10.0.1', '8.0.0-rc1']) {
    expect(() => requireSupportedVersion(version)).not.toThrow();
  }
});
