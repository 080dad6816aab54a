import { print } from '@analytics/local-stack/terminal';
import express from 'express';
import mongoose from 'mongoose';
import { Event } from './event.model.ts';

// The original's design as its readme describes it and its libraries' documentation shows it.
await mongoose.connect(process.env['MONGO_URI'] ?? '');

const app = express();

app.get('/stats', async (request, response) => {
  const { site_id, date } = request.query;
  if (typeof site_id !== 'string') {
    response.status(400).json({ error: 'site_id is required' });
    return;
  }
  const match: Record<string, unknown> = { site_id };
  if (typeof date === 'string') {
    const start = new Date(`${date}T00:00:00Z`);
    match['timestamp'] = { $gte: start, $lt: new Date(start.getTime() + 86_400_000) };
  }
  const [facets] = await Event.aggregate([
    { $match: match },
    {
      $facet: {
        total_views: [{ $count: 'count' }],
        unique_users: [
          { $match: { user_id: { $ne: null } } },
          { $group: { _id: '$user_id' } },
          { $count: 'count' },
        ],
        top_paths: [
          { $group: { _id: '$path', views: { $sum: 1 } } },
          { $sort: { views: -1, _id: 1 } },
          { $limit: 10 },
          { $project: { _id: 0, path: '$_id', views: 1 } },
        ],
      },
    },
  ]);
  response.json({
    site_id,
    date: date ?? null,
    total_views: facets.total_views[0]?.count ?? 0,
    unique_users: facets.unique_users[0]?.count ?? 0,
    top_paths: facets.top_paths,
  });
});

app.listen(Number(process.env['PORT']), () => print('listening'));
