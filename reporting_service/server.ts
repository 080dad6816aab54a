import { openMongo } from '@analytics/shared/mongo/openMongo';
import { startService } from '@analytics/shared/service/startService';
import { parseConfig } from './src/config/config.ts';
import { connectDatabase } from './src/config/db.ts';
import { createEventModel } from './src/models/Event.model.ts';
import { createReporting } from './src/reporting.ts';

const service = startService({
  name: 'reporting_service',
  folder: import.meta.dirname,
  aliasPrefix: 'REPORTING',
  parseConfig,
  closeDeadlineMs: 9000,
});
const mongo = openMongo(service);
// Local days follow these tables, which belong to Node.
const time_zones = process.versions['tz'];
const Event = createEventModel(mongo.connection);
await service.listen(createReporting({ ...service, ...mongo, Event }), { time_zones });
await connectDatabase(mongo.connection, service.config, service.signal);
