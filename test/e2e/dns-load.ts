/**
 * A program for tests: asks 127.0.0.11 for names at a steady rate, each query once and from a port
 * of its own, until standard input ends; then says on one line what became of them.
 *
 *   node dns-load.js RATE NAME…
 */
import { createSocket } from 'node:dgram';
import { pathToFileURL } from 'node:url';
import packet from 'dns-packet';

/** The first timeout of the C libraries' resolvers. */
const TIMEOUT_MS = 5000;

export interface DnsLoadReport {
  readonly asked: number;
  readonly answered: number;
  readonly slowestMs: number;
  /** Response codes of the answers. */
  readonly rcodes: Readonly<Record<string, number>>;
  readonly unanswered: readonly string[];
}

class Load {
  private asked = 0;
  private answered = 0;
  private slowestMs = 0;
  private readonly rcodes: Record<string, number> = {};
  private readonly waiting = new Map<number, string>();

  ask(name: string): void {
    const id = this.asked % 65_536;
    const began = performance.now();
    const socket = createSocket('udp4');
    this.asked += 1;
    this.waiting.set(this.asked, name);
    const number = this.asked;
    const timer = setTimeout(() => socket.close(), TIMEOUT_MS);
    socket.on('error', () => undefined);
    socket.on('message', (bytes) => {
      if (bytes.readUInt16BE(0) !== id) return;
      clearTimeout(timer);
      socket.close();
      this.waiting.delete(number);
      this.answered += 1;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
      const rcode = String((bytes[3] as number) & 15);
      this.rcodes[rcode] = (this.rcodes[rcode] ?? 0) + 1;
    });
    const questions = [{ name, type: 'A' as const }];
    const query = packet.encode({ type: 'query', id, flags: packet.RECURSION_DESIRED, questions });
    socket.send(query, 53, '127.0.0.11');
  }

  report(): DnsLoadReport {
    const { asked, answered, slowestMs, rcodes } = this;
    return { asked, answered, slowestMs, rcodes, unanswered: [...this.waiting.values()] };
  }
}

function main(): void {
  const [rate = '1', ...names] = process.argv.slice(2);
  const load = new Load();
  let next = 0;
  const ticker = setInterval(
    () => {
      load.ask(names[next % names.length] ?? '');
      next += 1;
    },
    1000 / Number(rate),
  );
  process.stdin.resume().on('end', () => clearInterval(ticker));
  process.on('exit', () => process.stdout.write(`${JSON.stringify(load.report())}\n`));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
