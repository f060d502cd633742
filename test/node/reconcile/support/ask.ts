/**
 * Asks several times in a row and prints the answers as JSON: `ask.js PROTOCOL ADDRESS PORT
 * TIMES`.
 */
import { createSocket } from 'node:dgram';
import { createConnection } from 'node:net';

const TIMEOUT_MS = 1500;
const [protocol, address, port, times] = process.argv.slice(2);

function askTcp(host: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: Number(port), family: 4 });
    let text = '';
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('timeout')));
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('end', () => resolve(text.trim()));
  });
}

function askUdp(host: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (result: string): void => {
      clearTimeout(timer);
      socket.close();
      resolve(result);
    };
    const timer = setTimeout(() => end('timeout'), TIMEOUT_MS);
    socket.on('message', (message) => end(message.toString().trim()));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.connect(Number(port), host, () => socket.send('?'));
  });
}

const answers: string[] = [];
for (let time = 0; time < Number(times); time += 1)
  answers.push(await (protocol === 'udp' ? askUdp : askTcp)(address ?? ''));
process.stdout.write(JSON.stringify(answers));
