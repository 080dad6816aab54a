import { print } from '@analytics/local-stack/terminal';
import { Queue } from 'bullmq';
import express from 'express';
import { z } from 'zod';

// The original's design as its readme describes it and its libraries' documentation shows it.
const eventSchema = z.object({
  site_id: z.string().min(1),
  event_type: z.string().min(1),
  path: z.string().min(1),
  user_id: z.string().nullish(),
  timestamp: z.iso.datetime({ offset: true }),
});

const queue = new Queue('eventQueue', {
  connection: { host: '127.0.0.1', port: Number(process.env['REDIS_PORT']) },
  defaultJobOptions: { attempts: 3, removeOnComplete: true },
});

const app = express();
app.use(express.json());

app.post('/event', async (request, response) => {
  const result = eventSchema.safeParse(request.body);
  if (!result.success) {
    response.status(400).json({ success: false, errors: result.error.issues });
    return;
  }
  await queue.add('ingest-event', result.data);
  response.status(202).json({ success: true });
});

await queue.waitUntilReady();
app.listen(Number(process.env['PORT']), () => print('listening'));
