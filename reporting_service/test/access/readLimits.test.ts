import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createKeyStore } from '@analytics/sites/keyStore';
import { createSiteStore } from '@analytics/sites/siteStore';
import type { mongo } from 'mongoose';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

let nowMs = Date.parse('2025-11-12T19:30:00Z');
const { app, connection } = await startApp(
  useTestStack(),
  { AUTH_MODE: 'keys', REPORTS_PER_MINUTE_AND_KEY: '3', REPORTS_PER_MINUTE_AND_ADDRESS: '2' },
  () => nowMs,
);
const requireDb = () => connection.db as mongo.Db;
await createSiteStore(requireDb).add({ id: 'a' });
const { key } = await createKeyStore(requireDb).add({ kind: 'read', site_id: 'a', label: 'x' });
const get = (headers: Record<string, string>) => request(app).get('/stats?site_id=a').set(headers);
await waitUntil(async () => (await get({ 'X-Api-Key': key })).status === 200);
// The requests before count in the minute before.
nowMs += 60_000;

test('a key has its limit in each minute, and guessed keys count for their address', async () => {
  const statuses = async (headers: Record<string, string>) => {
    const answers = [];
    for (let index = 0; index < 4; index++) {
      answers.push((await get(headers)).status);
    }
    return answers;
  };

  expect(await statuses({ 'X-Api-Key': key })).toEqual([200, 200, 200, 429]);
  expect(await statuses({ 'X-Api-Key': 'guess' })).toEqual([401, 401, 429, 429]);
  // TRUST_PROXY is 0, so a forged address changes nothing.
  expect((await get({ 'X-Forwarded-For': '192.0.2.1' })).status).toBe(429);

  nowMs += 60_000;
  expect((await get({ 'X-Api-Key': key })).status).toBe(200);
});
