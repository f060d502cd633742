/** Taking over a request's connection for a two-way stream, as exec and attach do. */
import type { Duplex } from 'node:stream';
import type { Exchange } from './exchange.ts';

/**
 * Answers with the head of a stream and returns the connection: `101 UPGRADED` to a client that
 * asked for an upgrade, a raw `200 OK` without length otherwise. What the client sends from here on
 * is standard input; both sides close by end. Precondition: the request's body was read.
 */
export function hijack(exchange: Exchange, contentType: string): Duplex {
  const { upgrade, request, response } = exchange;
  const headers = `Content-Type: ${contentType}\r\n`;
  const common = commonHeaders(exchange);
  exchange.signal.addEventListener('abort', () => request.socket.destroy(), { once: true });
  if (upgrade) {
    response.detachSocket(request.socket);
    upgrade.socket.write(
      `HTTP/1.1 101 UPGRADED\r\n${common}${headers}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    );
    return upgrade.socket;
  }
  const { socket } = request;
  response.detachSocket(socket);
  // The HTTP parser must not see the stream: its listeners go, and the next `data` listener takes
  // the bytes from it.
  for (const event of ['data', 'end', 'drain', 'timeout', 'error']) {
    socket.removeAllListeners(event);
  }
  socket.setTimeout(0);
  socket.on('error', () => undefined);
  socket.write(`HTTP/1.1 200 OK\r\n${common}${headers}\r\n`);
  return socket;
}

function commonHeaders(exchange: Exchange): string {
  return ['Api-Version', 'Ostype', 'Server']
    .map((name) => `${name}: ${String(exchange.response.getHeader(name) ?? '')}\r\n`)
    .join('');
}
