/**
 * Brings commands into the log, each once: tries under the same stamp until the entry is applied
 * here, or until its deadline. And linearizable reads.
 */
import type {
  ClientId,
  Command,
  LogIndex,
  ProposalRefusal,
  ReadId,
  ReadState,
} from '../../../src/raft/index.ts';
import type { ApplyOutcome, Command as StoreCommand } from '../../../src/store/index.ts';
import { bytesOfCommand } from './bytes.ts';
import type { ManagerHost } from './manager-host.ts';
import type { Applied } from './replica.ts';

export type Written =
  | { readonly kind: 'applied'; readonly index: LogIndex; readonly outcome: ApplyOutcome }
  /** It may be applied some time, or not. */
  | { readonly kind: 'unknown' };

interface Proposal {
  readonly command: Command;
  readonly deadlineMs: number;
  readonly done: (written: Written) => void;
  attempts: number;
}

interface Read {
  readonly deadlineMs: number;
  /** `false`: given up. */
  readonly done: (isServed: boolean) => void;
  id: ReadId;
}

const DEADLINE_MS = 6_000;
/** What concerns a command may be lost, so it is tried again after this long. */
const PATIENCE_MS = 1_200;
const REFUSED_MS = 120;
/** Commands under way; the state machine keeps fewer outcomes for a client than twice this. */
const PROPOSALS_MAX = 32;

export class Proposer {
  private readonly host: ManagerHost;
  private readonly name: string;
  /** The state machine may forget a client, which then begins anew under another name. */
  private epoch = 0;
  private client: ClientId;
  private since: LogIndex;
  /** Goes on through the epochs, so that it names a proposal. */
  private sequence = 0;
  private readonly proposals = new Map<number, Proposal>();
  private readonly reads = new Map<ReadId, Read>();
  private waiting: ReadState[] = [];
  private readIds = 0;

  /** `name` is new for each life of a host: what an earlier one had under way is forgotten. */
  constructor(host: ManagerHost, name: string) {
    this.host = host;
    this.name = name;
    this.client = name as ClientId;
    this.since = host.replica.applied;
  }

  /** False when too many are under way. */
  tryPropose(command: StoreCommand, done: (written: Written) => void): boolean {
    if (this.proposals.size >= PROPOSALS_MAX) return false;
    this.sequence += 1;
    const { sequence, client, since } = this;
    const oldest = this.oldestOf(client) ?? sequence;
    const session = { client, sequence, floor: oldest, since };
    const proposal: Proposal = {
      command: { data: bytesOfCommand(command), session },
      deadlineMs: this.host.now + DEADLINE_MS,
      done,
      attempts: 0,
    };
    this.proposals.set(sequence, proposal);
    this.attempt(sequence, proposal);
    return true;
  }

  /** `done` is called when the replica holds everything that was committed before the call. */
  read(done: (isServed: boolean) => void): void {
    this.ask({ deadlineMs: this.host.now + DEADLINE_MS, done, id: 0 as ReadId });
  }

  applied({ stamp, check, answer }: Applied): void {
    const proposal = this.proposals.get(stamp.sequence);
    if (proposal?.command.session.client !== stamp.client) return;
    if (check.kind === 'expired' && stamp.client === this.client) this.beginAnew();
    // Expired or too many: nobody knows any more what became of it.
    const isKnown = check.kind === 'new' || check.kind === 'duplicate';
    if (!isKnown || answer === undefined) this.settle(stamp.sequence, { kind: 'unknown' });
    else this.settle(stamp.sequence, { kind: 'applied', ...answer });
  }

  refused(refusals: readonly ProposalRefusal[]): void {
    for (const { session } of refusals) {
      const proposal = this.proposals.get(session.sequence);
      if (proposal?.command.session.client === session.client)
        this.retry(session.sequence, proposal, REFUSED_MS);
    }
  }

  readsReady(reads: readonly ReadState[], lost: readonly ReadId[]): void {
    this.waiting.push(...reads);
    for (const id of lost) {
      const read = this.reads.get(id);
      if (read !== undefined) this.askLater(read);
    }
  }

  /** The replica has moved on. */
  serve(): void {
    const { applied } = this.host.replica;
    if (!this.waiting.some(({ index }) => index <= applied)) return;
    const due = this.waiting.filter(({ index }) => index <= applied);
    this.waiting = this.waiting.filter(({ index }) => index > applied);
    for (const { id } of due) {
      const read = this.reads.get(id);
      this.reads.delete(id);
      read?.done(true);
    }
  }

  private beginAnew(): void {
    this.epoch += 1;
    this.client = `${this.name}/${this.epoch}` as ClientId;
    this.since = this.host.replica.applied;
  }

  private oldestOf(client: ClientId): number | undefined {
    for (const [sequence, { command }] of this.proposals)
      if (command.session.client === client) return sequence;
    return undefined;
  }

  private attempt(sequence: number, proposal: Proposal): void {
    proposal.attempts += 1;
    const outcome = this.host.touch((raft) => raft.propose([proposal.command]));
    // The touch may have applied it already.
    if (this.proposals.get(sequence) !== proposal) return;
    const isUnderWay = outcome !== undefined && outcome.kind !== 'refused';
    this.retry(sequence, proposal, isUnderWay ? PATIENCE_MS : REFUSED_MS);
  }

  private retry(sequence: number, proposal: Proposal, afterMs: number): void {
    const { attempts } = proposal;
    this.host.after(afterMs, () => {
      if (this.proposals.get(sequence) !== proposal || proposal.attempts !== attempts) return;
      if (this.host.now >= proposal.deadlineMs) this.settle(sequence, { kind: 'unknown' });
      else this.attempt(sequence, proposal);
    });
  }

  private settle(sequence: number, written: Written): void {
    const proposal = this.proposals.get(sequence);
    this.proposals.delete(sequence);
    proposal?.done(written);
  }

  private ask(read: Read): void {
    this.readIds += 1;
    const id = this.readIds as ReadId;
    read.id = id;
    this.reads.set(id, read);
    const outcome = this.host.touch((raft) => raft.readIndex(id));
    if (outcome === undefined || outcome.kind === 'refused') {
      this.askLater(read);
      return;
    }
    this.host.after(PATIENCE_MS, () => {
      if (this.reads.has(id)) this.askLater(read);
    });
  }

  private askLater(read: Read): void {
    if (!this.reads.delete(read.id)) return;
    if (this.host.now >= read.deadlineMs) {
      read.done(false);
      return;
    }
    this.host.after(REFUSED_MS, () => this.ask(read));
  }
}
