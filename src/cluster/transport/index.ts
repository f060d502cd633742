/**
 * cluster/transport: how nodes and managers talk. HTTP/2 over TLS 1.3, JSON lines, every frame
 * checked and bounded.
 *
 * Knows who is at the other end and what may be said, and nothing of what it means. Start with
 * `messages.ts`.
 */
export * from './addresses.ts';
export { ClusterClient, fetchAuthority, trustOf } from './client.ts';
export { LineSplitter, decodeJson, encodeLine, protocolError } from './lines.ts';
export { StreamLink, memoryLinks, type Link, type LinkHandler } from './link.ts';
export * from './messages.ts';
export { ACCESS, ClusterServer, LINK_PROTOCOL, type Peer, type RequiredPeer } from './server.ts';
export { receiveLogs, sendLogs, type LogStreamEntry } from './log-stream.ts';
