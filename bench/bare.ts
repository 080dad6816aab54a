import { createServer } from 'node:http';
import { print } from '@analytics/local-stack/terminal';

// The least that any server of this API has to do in Node: read the body, parse it, answer; or answer a
// report that is there already. Nothing is kept, so what it answers per second is the ceiling that the other
// servers are measured against.
const reply = Buffer.from('{"success":true}');
const report = Buffer.from(process.env['REPORT'] ?? '{}');

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': report.length });
    response.end(report);
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString());
    response.writeHead(202, { 'Content-Type': 'application/json', 'Content-Length': reply.length });
    response.end(reply);
  });
});
server.listen(Number(process.env['PORT']), () => print('listening'));
