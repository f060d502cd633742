/**
 * Answers TCP and UDP with its own name and the address it was asked from: `echo-server.js NAME
 * PORT`.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [name, port] = process.argv.slice(2);
const answer = (address: string | undefined): string => `${name} ${address}\n`;

// Bound to no address: the kernel chooses the source of what the UDP server says, as with most
// servers.
const udp = createSocket('udp4', (_message, peer) =>
  udp.send(answer(peer.address), peer.port, peer.address),
);
const tcp = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.end(answer(socket.remoteAddress));
});
tcp.listen(Number(port), '0.0.0.0', () =>
  udp.bind(Number(port), '0.0.0.0', () => process.stdout.write('ready\n')),
);
