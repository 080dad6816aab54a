import { createConnection, Schema } from 'mongoose';
import { expect, test } from 'vitest';
import { listCollections } from '../../src/database/createCollections.ts';

test('the indexes of a model keep their options', () => {
  const schema = new Schema({ email: String, expires_at: Date }, { collection: 'tokens' });
  schema.index({ email: 1 }, { unique: true });
  schema.index({ expires_at: 1 }, { expireAfterSeconds: 0 });
  const model = createConnection().model('Token', schema);

  expect(listCollections([model])[0]).toEqual({
    name: 'tokens',
    indexes: [
      { key: { email: 1 }, unique: true },
      { key: { expires_at: 1 }, expireAfterSeconds: 0 },
    ],
  });
});
