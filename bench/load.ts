import { print } from '@analytics/local-stack/terminal';
import { sendLoad } from './src/sendLoad.ts';

// A separate process, so that it shares no event loop with the measurement.
// Arguments: URL, seconds, connections, events per request.
const [url = '', ...numbers] = process.argv.slice(2);
const [seconds = 0, connections = 0, eventsPerRequest = 0] = numbers.map(Number);
print(JSON.stringify(await sendLoad({ url, seconds, connections, eventsPerRequest })));
process.exit();
