import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { closeFds } from './resolver-sockets.ts';
import type { QueryHandler } from './query-handler.ts';

/** Replies that the kernel has not taken yet; beyond, replies are lost as UDP's are. */
const SEND_QUEUE_BYTES_MAX = 1024 * 1024;

/** Answers datagrams on a bound socket that somebody else made. */
export class UdpServer {
  private readonly socket: Socket;
  private readonly handler: QueryHandler;
  private isClosed = false;

  private constructor(socket: Socket, handler: QueryHandler) {
    this.socket = socket;
    this.handler = handler;
    socket.on('message', (bytes, peer) => this.receive(bytes, peer));
    // Errors of single replies, such as a client that closed its socket, are that client's.
    socket.on('error', () => undefined);
  }

  /** Takes over `fd`, also when it throws. */
  static adopt(fd: number, handler: QueryHandler): UdpServer {
    const socket = createSocket('udp4');
    try {
      socket.bind({ fd, exclusive: true });
    } catch (error) {
      socket.close();
      closeFds([fd]);
      throw error;
    }
    return new UdpServer(socket, handler);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.socket.close();
  }

  private receive(bytes: Uint8Array, peer: RemoteInfo): void {
    const reply = this.handler.handle(bytes, 'udp');
    if (reply instanceof Promise) void reply.then((late) => this.send(late, peer));
    else this.send(reply, peer);
  }

  private send(reply: Uint8Array | undefined, peer: RemoteInfo): void {
    if (reply === undefined || this.isClosed) return;
    if (this.socket.getSendQueueSize() > SEND_QUEUE_BYTES_MAX) return;
    this.socket.send(reply, peer.port, peer.address, () => undefined);
  }
}
