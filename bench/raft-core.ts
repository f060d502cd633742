/**
 * What consensus itself costs: three peers in one process, their messages and log entries encoded
 * as on the wire, without sockets and disks. Run alone: `node dist/bench/raft-core.js`.
 */
import { fileURLToPath } from 'node:url';
import { SeededRng } from '../src/base/index.ts';
import {
  MemoryLog,
  Raft,
  SessionTable,
  decodeMessage,
  encodeEntry,
  encodeMessage,
  type ClientId,
  type Command,
  type Entry,
  type LogIndex,
  type Membership,
  type Message,
  type PeerId,
  type Write,
} from '../src/raft/index.ts';
import { limitRow, median, printRows, type Row } from './table.ts';

const VALUE_BYTES = 256;
const COMMITS = 50_000;
const ROUNDS = 5;
const MEMBERS = ['member-alpha-0123456789', 'member-beta-0123456789', 'member-gamma-0123456789'];
/** Entries that stay in the log behind what is applied. */
const KEPT = 10_000;

/** From Node's pool, as a host would. */
function allocate(bytes: number): Uint8Array {
  return Buffer.allocUnsafe(bytes);
}

class CorePeer {
  readonly raft: Raft;
  readonly inbox: Uint8Array[] = [];
  applied = 0;
  busyNs = 0n;
  walBytes = 0;
  private readonly log: MemoryLog;
  private readonly sessions = new SessionTable<number>();
  private readonly send: (to: PeerId, frame: Uint8Array) => void;

  constructor(id: PeerId, membership: Membership, send: CorePeer['send']) {
    this.log = MemoryLog.empty(membership);
    this.raft = new Raft({ id, log: this.log, rng: new SeededRng(1) });
    this.send = send;
  }

  /** One turn of a host's event loop. */
  turn(commands: readonly Command[]): void {
    const start = process.hrtime.bigint();
    for (const frame of this.inbox.splice(0)) this.raft.step(decodeMessage(frame));
    if (commands.length > 0) this.raft.propose(commands);
    while (this.raft.hasWork) this.work();
    this.busyNs += process.hrtime.bigint() - start;
  }

  private work(): void {
    const { messages, write, committed } = this.raft.drain();
    this.sendAll(messages);
    if (write !== undefined) this.persist(write);
    for (const entry of committed) this.apply(entry);
    const last = committed.at(-1)?.index;
    if (last === undefined) return;
    this.raft.advance({ applied: last });
    if (last - this.log.firstIndex > 2 * KEPT) this.compact(last);
  }

  private sendAll(messages: readonly Message[]): void {
    for (const message of messages) this.send(message.to, encodeMessage(message, allocate));
  }

  private persist(write: Write): void {
    for (const entry of write.entries) this.walBytes += encodeEntry(entry, allocate).length;
    this.log.append(write.entries);
    this.sendAll(write.messages);
    this.raft.advance({ persisted: write.id });
  }

  private apply({ index, payload }: Entry): void {
    if (payload.kind !== 'command') return;
    const { session } = payload.command;
    if (this.sessions.check(session).kind === 'new') this.sessions.record(session, index, index);
    this.applied += 1;
  }

  private compact(index: LogIndex): void {
    const term = this.log.term(index) ?? this.raft.term;
    this.log.noteSnapshot({ index, term, membership: this.raft.membershipAt(index) });
    this.log.compact((index - KEPT) as LogIndex);
  }
}

/** So many clients with one command each under way; `perTurn` of them come together at most. */
class Load {
  private readonly peers: ReadonlyMap<PeerId, CorePeer>;
  private readonly leader: CorePeer;
  private readonly clients: number;
  private readonly perTurn: number;
  private sequence = 0;

  constructor({ clients, perTurn }: { clients: number; perTurn: number }) {
    const ids = MEMBERS.map((id) => id as PeerId);
    const membership = { voters: ids, learners: [] };
    const send = (to: PeerId, frame: Uint8Array): void => {
      this.peers.get(to)?.inbox.push(frame);
    };
    this.peers = new Map(ids.map((id) => [id, new CorePeer(id, membership, send)]));
    this.leader = [...this.peers.values()][0] as CorePeer;
    this.clients = clients;
    this.perTurn = perTurn;
    this.leader.raft.campaign();
    while (this.leader.raft.commit === 0) this.turn([]);
  }

  /**
   * The leader's microseconds for each command that it applied. The machine is shared, so this is
   * the leader's part of the processor's time, not time that passed.
   */
  run(commits: number): number {
    const { leader } = this;
    const goal = leader.applied + commits;
    const before = this.busyNs();
    const cpu = process.cpuUsage();
    while (leader.applied < goal) {
      const room = this.clients - (this.sequence - leader.applied);
      this.turn(this.newCommands(Math.min(room, this.perTurn)));
    }
    const { user, system } = process.cpuUsage(cpu);
    const after = this.busyNs();
    const share = Number(after.leader - before.leader) / Number(after.all - before.all);
    return ((user + system) * share) / commits;
  }

  private busyNs(): { readonly leader: bigint; readonly all: bigint } {
    const all = [...this.peers.values()].reduce((sum, { busyNs }) => sum + busyNs, 0n);
    return { leader: this.leader.busyNs, all };
  }

  private turn(commands: readonly Command[]): void {
    for (const peer of this.peers.values()) peer.turn(peer === this.leader ? commands : []);
  }

  private newCommands(count: number): Command[] {
    return Array.from({ length: count }, () => {
      this.sequence += 1;
      const session = {
        client: 'driver-0123456789abcdef0' as ClientId,
        sequence: this.sequence,
        floor: Math.max(1, this.sequence - this.clients),
        since: 0 as LogIndex,
      };
      return { data: Buffer.allocUnsafe(VALUE_BYTES).fill(this.sequence), session };
    });
  }
}

export function raftCoreRows(): Row[] {
  const shapes = [
    { clients: 1, perTurn: 1, max: 40 },
    { clients: 16, perTurn: 4, max: 20 },
    { clients: 256, perTurn: 8, max: 10 },
    { clients: 256, perTurn: 256, max: 10 },
  ];
  return shapes.map(({ clients, perTurn, max }) => {
    const load = new Load({ clients, perTurn });
    load.run(COMMITS / 5);
    const costs = Array.from({ length: ROUNDS }, () => load.run(COMMITS));
    const what = `consensus: leader's CPU per write, ${clients} clients, ${perTurn} per turn`;
    return limitRow(what, median(costs), { max, unit: 'µs' });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) printRows(raftCoreRows());
