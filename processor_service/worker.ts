import { setFlagsFromString } from 'node:v8';
import { createServiceApp } from '@analytics/shared/http/serviceApp';
import { openMongo } from '@analytics/shared/mongo/openMongo';
import { openRedis } from '@analytics/shared/redis/openRedis';
import { createWorkerRedis } from '@analytics/shared/redis/redis';
import { collectGarbageEarly } from '@analytics/shared/service/collectGarbageEarly';
import { startService } from '@analytics/shared/service/startService';
import { parseConfig } from './src/config/config.ts';
import { type Processor, startProcessor } from './src/processor.ts';

// A worker often starts with a full queue, and V8 interprets a function many times before it compiles it. Compiled at
// the first call, the first 200,000 events take a tenth less time; afterwards it makes no difference.
setFlagsFromString('--always-sparkplug');
collectGarbageEarly();

const service = startService({
  name: 'processor_service',
  folder: import.meta.dirname,
  portAlias: 'PROCESSOR_PORT',
  parseConfig,
  closeDeadlineMs: 24_000,
});
let processor: Processor | undefined;
const redis = openRedis(service, createWorkerRedis);
const mongo = openMongo(service, () => processor?.indexHealth);
service.checks['worker'] = () =>
  processor
    ? { status: 'up', ...processor.deadLetterHealth }
    : { status: 'down', reason: 'not taking jobs yet' };
await service.listen(createServiceApp(service));

const starting = new AbortController();
const started = startProcessor({ ...service, ...redis, ...mongo }, starting.signal);
service.register('the worker', async () => {
  starting.abort();
  await (await started)?.close();
});
processor = await started;
