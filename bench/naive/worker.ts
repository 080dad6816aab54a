import { print, printError } from '@analytics/local-stack/terminal';
import { Worker } from 'bullmq';
import mongoose from 'mongoose';
import { Event } from './event.model.ts';

// The original's design as its readme describes it and its libraries' documentation shows it.
await mongoose.connect(process.env['MONGO_URI'] ?? '', { retryWrites: true, w: 'majority' });
await Event.init();

const worker = new Worker(
  'eventQueue',
  async (job) => {
    const { site_id, event_type, path, user_id, timestamp } = job.data;
    await Event.create({ site_id, event_type, path, user_id, timestamp: new Date(timestamp) });
  },
  {
    connection: { host: '127.0.0.1', port: Number(process.env['REDIS_PORT']) },
    concurrency: 5,
  },
);
worker.on('completed', (job) => print(`job ${job.id} completed`));
worker.on('failed', (job, error) => printError(`job ${job?.id} failed: ${error.message}`));
worker.on('error', (error) => printError(error.message));
print('taking jobs');
