import { setFlagsFromString } from 'node:v8';
import { openMongo } from '@analytics/shared/mongo/openMongo';
import { openRedis } from '@analytics/shared/redis/openRedis';
import { createWorkerRedis } from '@analytics/shared/redis/redis';
import { collectGarbageEarly } from '@analytics/shared/service/collectGarbageEarly';
import { startService } from '@analytics/shared/service/startService';
import { parseConfig } from './src/config/config.ts';
import { createProcessor } from './src/processor.ts';

// A worker often starts with a full queue, and V8 interprets a function many times before it compiles it.
// Compiled at the first call, the first 200,000 events take a tenth less time; afterwards it makes no
// difference.
setFlagsFromString('--always-sparkplug');
collectGarbageEarly();

const service = startService({
  name: 'processor_service',
  folder: import.meta.dirname,
  portAlias: 'PROCESSOR_PORT',
  parseConfig,
  closeDeadlineMs: 24_000,
});
const mongo = openMongo(service);
const redis = openRedis(service, createWorkerRedis);
const processor = createProcessor({ ...service, ...mongo, ...redis });
await service.listen(processor.app);
await processor.start();
