import { createEventQueue, type EventQueue, type EventQueueOptions } from './eventQueue.ts';
import { createReports, type Reports } from './reports.ts';
import { createRequester, type RequesterOptions } from './requester.ts';

export interface ClientOptions extends Omit<RequesterOptions, 'timeoutMs'> {
  /** The address of the ingestion service, with the prefix of a proxy. */
  ingestionUrl: string;
  /** The address of the reporting service. */
  reportingUrl: string;
  /** How long a request may take (ms). Default: 30,000. */
  timeoutMs?: number;
  /** How events are collected into requests. */
  events?: EventQueueOptions;
}

/** Sends events and reads reports. */
export interface Client extends EventQueue, Reports {}

/** Creates a client. Nothing is sent before an event is tracked or a report is asked for. */
export function createClient({
  ingestionUrl,
  reportingUrl,
  events,
  timeoutMs = 30_000,
  ...options
}: ClientOptions): Client {
  const request = createRequester({ ...options, timeoutMs });
  return {
    ...createEventQueue((body) => request(withPath(ingestionUrl, '/events?partial=true'), body), events),
    ...createReports((path) => request(withPath(reportingUrl, path))),
  };
}

function withPath(url: string, path: string): string {
  return `${url.replace(/\/+$/, '')}${path}`;
}
