import { mongo } from 'mongoose';
import { type OwnServer, startOwnMongo } from './ownServers.ts';
import { waitUntil } from './waitUntil.ts';

const SET_NAME = 'rs';
const MEMBERS = 3;

/** An election begins ten seconds after the last sign of a primary, and may need a second try. */
const ELECTION_TIMEOUT_MS = 60_000;

/** A frozen member is no primary: it answers nothing. */
const ANSWER_TIMEOUT_MS = 500;

/** A replica set of three that no other test uses, with MongoDB's own settings for elections. */
export interface OwnReplicaSet {
  readonly members: readonly OwnServer[];
  /** The connection string for a database. */
  toUri(database: string): string;
  /** Waits until a member that answers is the primary. */
  findPrimary(): Promise<OwnServer>;
  /** Waits until no member that answers is the primary. */
  untilNoPrimary(): Promise<void>;
  /** Lets the primary give up its office for ten seconds. Resolves when there is another one. */
  stepDown(): Promise<void>;
  /** Ends all members and removes their data. */
  remove(): Promise<void>;
}

export async function startOwnReplicaSet(): Promise<OwnReplicaSet> {
  const members = await Promise.all(
    Array.from({ length: MEMBERS }, () => startOwnMongo(['--replSet', SET_NAME])),
  );
  const hosts = members.map(({ port }) => `127.0.0.1:${port}`);

  async function listPrimaries(): Promise<OwnServer[]> {
    const arePrimary = await Promise.all(members.map(isPrimary));
    return members.filter((_, index) => arePrimary[index]);
  }

  async function findPrimary(): Promise<OwnServer> {
    const [primary] = await waitUntil(
      listPrimaries,
      (primaries) => primaries.length === 1,
      ELECTION_TIMEOUT_MS,
    );
    return primary as OwnServer;
  }

  await askAdmin(members[0] as OwnServer, {
    replSetInitiate: { _id: SET_NAME, members: hosts.map((host, _id) => ({ _id, host })) },
  });
  await findPrimary();
  return {
    members,
    toUri: (database) => `mongodb://${hosts.join(',')}/${database}?replicaSet=${SET_NAME}`,
    findPrimary,
    untilNoPrimary: async () => {
      await waitUntil(listPrimaries, (primaries) => primaries.length === 0, ELECTION_TIMEOUT_MS);
    },
    stepDown: async () => {
      const former = await findPrimary();
      await askAdmin(former, { replSetStepDown: 10 });
      await waitUntil(findPrimary, (primary) => primary !== former, ELECTION_TIMEOUT_MS);
    },
    remove: async () => {
      await Promise.all(members.map((member) => member.remove()));
    },
  };
}

/** False also for a member that does not answer. */
function isPrimary(member: OwnServer): Promise<boolean> {
  return askAdmin(member, { hello: 1 }).then(
    ({ isWritablePrimary }) => isWritablePrimary === true,
    () => false,
  );
}

async function askAdmin({ port }: OwnServer, command: mongo.Document): Promise<mongo.Document> {
  const client = new mongo.MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: ANSWER_TIMEOUT_MS,
    connectTimeoutMS: ANSWER_TIMEOUT_MS,
  });
  try {
    return await client.db('admin').command(command);
  } finally {
    await client.close();
  }
}
