import { openMongo } from '@analytics/shared/mongo/openMongo';
import { openRedis } from '@analytics/shared/redis/openRedis';
import { createWorkerRedis } from '@analytics/shared/redis/redis';
import { startService } from '@analytics/shared/service/startService';
import { parseConfig } from './src/config/config.ts';
import { createProcessor } from './src/processor.ts';

const service = startService({
  name: 'processor_service',
  folder: import.meta.dirname,
  aliasPrefix: 'PROCESSOR',
  parseConfig,
  closeDeadlineMs: 24_000,
});
const mongo = openMongo(service);
const redis = openRedis(service, createWorkerRedis);
const processor = createProcessor({ ...service, ...mongo, ...redis });
await service.listen(processor.app);
await processor.start();
