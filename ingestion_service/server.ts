import { openRedis } from '@analytics/shared/redis/openRedis';
import { createRequestRedis } from '@analytics/shared/redis/redis';
import { startService } from '@analytics/shared/service/startService';
import { parseConfig } from './src/config/config.ts';
import { createIngestion } from './src/ingestion.ts';

const service = startService({
  name: 'ingestion_service',
  folder: import.meta.dirname,
  aliasPrefix: 'INGESTION',
  parseConfig,
  closeDeadlineMs: 9000,
});
const { app } = createIngestion({ ...service, ...openRedis(service, createRequestRedis) });
await service.listen(app);
