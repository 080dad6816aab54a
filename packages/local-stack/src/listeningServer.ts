import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** The time in which a server must answer. */
const ANSWER_TIMEOUT_MS = 2000;

/** `tls`: any server that speaks TLS. */
export type RedisListener = 'nothing' | 'redis' | 'tls' | 'other';
export type MongoListener = 'nothing' | 'mongodb' | 'tls' | 'other';

/** Identifies the server that listens on 127.0.0.1. A Redis that requires a password is a Redis too. */
export async function identifyRedis(port: number): Promise<RedisListener> {
  const answer = (await ask(port, Buffer.from('PING\r\n')))?.toString('latin1');
  if (answer === undefined) {
    return 'nothing';
  }
  if (/^(\+PONG|-LOADING|-NOAUTH|-NOPERM|-MISCONF|-MASTERDOWN)/.test(answer)) {
    return 'redis';
  }
  return (await speaksTls(port)) ? 'tls' : 'other';
}

/** Identifies the server that listens on 127.0.0.1. */
export async function identifyMongo(port: number): Promise<MongoListener> {
  const answer = await ask(port, HELLO_MESSAGE);
  if (answer === undefined) {
    return 'nothing';
  }
  // Bytes 8 to 15 of a reply contain the id of its request and its opcode.
  const isReply =
    answer.length >= 16 && answer.readInt32LE(8) === HELLO_REQUEST_ID && answer.readInt32LE(12) === OP_MSG;
  if (isReply) {
    return 'mongodb';
  }
  return (await speaksTls(port)) ? 'tls' : 'other';
}

const OP_MSG = 2013;
const HELLO_REQUEST_ID = 20_251_112;

/**
 * `{hello: 1, $db: 'admin'}` in MongoDB's wire protocol: header, flags, and one section with one BSON
 * document.
 */
const HELLO_MESSAGE = createHelloMessage();

function createHelloMessage(): Buffer {
  const fields = Buffer.from('\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0', 'latin1');
  const message = Buffer.alloc(16 + 4 + 1 + 4 + fields.length);
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(HELLO_REQUEST_ID, 4);
  message.writeInt32LE(OP_MSG, 12);
  message.writeInt32LE(4 + fields.length, 21);
  fields.copy(message, 25);
  return message;
}

/**
 * Returns the first bytes of the answer: an empty buffer if no answer comes in time or the connection breaks,
 * `undefined` if nothing listens on the port.
 */
async function ask(port: number, request: Buffer): Promise<Buffer | undefined> {
  const socket = connect({ port, host: '127.0.0.1', timeout: ANSWER_TIMEOUT_MS });
  try {
    return await new Promise((resolve, reject) => {
      socket.once('connect', () => socket.write(request));
      socket.once('data', resolve);
      socket.once('timeout', () => resolve(Buffer.alloc(0)));
      socket.once('close', () => resolve(Buffer.alloc(0)));
      socket.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') {
          resolve(undefined);
        } else if (error.code === 'ECONNRESET' || error.code === 'EPIPE') {
          resolve(Buffer.alloc(0));
        } else {
          reject(error);
        }
      });
    });
  } finally {
    socket.destroy();
  }
}

async function speaksTls(port: number): Promise<boolean> {
  // Only the handshake matters here. No data is sent, so the certificate needs no check.
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  socket.setTimeout(ANSWER_TIMEOUT_MS);
  try {
    return await new Promise((resolve) => {
      socket.once('secureConnect', () => resolve(true));
      for (const event of ['error', 'close', 'timeout']) {
        socket.once(event, () => resolve(false));
      }
    });
  } finally {
    socket.destroy();
  }
}
