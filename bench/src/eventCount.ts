import { mongo } from 'mongoose';
import type { Scope } from './scopes.ts';

export interface EventCount {
  /** The collection's own counter: it costs nothing, and is exact on a server that never crashed. */
  read(): Promise<number>;
}

/** Opens a look at how many events are stored. */
export async function openEventCount(scope: Scope, mongoUri: string): Promise<EventCount> {
  const client = await mongo.MongoClient.connect(mongoUri);
  scope.register(() => client.close());
  const collection = client.db().collection('events');
  return { read: () => collection.estimatedDocumentCount() };
}
