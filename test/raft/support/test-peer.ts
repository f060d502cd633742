/** One peer whose disk and messages a test holds in its hands. */
import { SeededRng } from '../../../src/base/index.ts';
import {
  MemoryLog,
  Raft,
  type ClientId,
  type Command,
  type Entry,
  type HardState,
  type LogIndex,
  type Message,
  type MessageAfterPersist,
  type Payload,
  type PeerId,
  type ProposalRefusal,
  type RaftLimits,
  type ReadId,
  type ReadState,
  type Term,
  type Write,
} from '../../../src/raft/index.ts';
import { entry, memberIds } from './words.ts';

export interface TestPeerOptions {
  readonly id?: string;
  readonly voters?: readonly string[];
  readonly learners?: readonly string[];
  /** Terms of the entries that are in the log. */
  readonly terms?: readonly number[];
  readonly entries?: readonly Entry[];
  readonly term?: number;
  readonly vote?: string;
  readonly commit?: number;
  readonly limits?: Partial<RaftLimits>;
  readonly seed?: number;
}

export const TIMING = { heartbeatTicks: 1, electionTicks: 10 };

export class TestPeer {
  readonly id: PeerId;
  readonly log: MemoryLog;
  raft: Raft;
  hardState: HardState | undefined;
  /** While held, writes wait for `sync`. */
  isDiskHeld = false;
  writing: Write | undefined;
  readonly applied: Entry[] = [];
  readonly reads: ReadState[] = [];
  readonly lostReads: ReadId[] = [];
  readonly refusals: ProposalRefusal[] = [];
  private readonly options: TestPeerOptions;
  private out: Message[] = [];

  constructor(options: TestPeerOptions = {}) {
    const { id = '1', voters = ['1', '2', '3'], learners = [], terms = [] } = options;
    this.id = id as PeerId;
    this.options = options;
    this.log = MemoryLog.empty({ voters: memberIds(voters), learners: memberIds(learners) });
    this.log.append(options.entries ?? terms.map((term, at) => entry(at + 1, term)));
    const term = Math.max(options.term ?? 0, this.log.term(this.log.lastIndex) ?? 0) as Term;
    this.hardState = { term, vote: options.vote as PeerId | undefined };
    this.raft = this.start(options.commit);
  }

  /** Back after a crash: with what the disk holds. */
  restart(): void {
    this.out = [];
    this.writing = undefined;
    this.raft = this.start(undefined);
  }

  private start(commit: number | undefined): Raft {
    const { limits, seed = 1 } = this.options;
    return new Raft({
      id: this.id,
      log: this.log,
      ...(this.hardState && { hardState: this.hardState }),
      ...(commit !== undefined && { commit: commit as LogIndex }),
      rng: new SeededRng(seed),
      timing: TIMING,
      ...(limits && { limits }),
    });
  }

  /** Does everything that is to be done; gives the messages that came out. */
  work(): Message[] {
    for (let turn = 0; this.raft.hasWork && turn < 100; turn += 1) {
      const ready = this.raft.drain();
      this.out.push(...ready.messages);
      this.reads.push(...ready.reads);
      this.lostReads.push(...ready.lostReads);
      this.refusals.push(...ready.refusals);
      this.applied.push(...ready.committed);
      const applied = ready.committed.at(-1)?.index;
      if (applied !== undefined) this.raft.advance({ applied });
      this.writing ??= ready.write;
      if (!this.isDiskHeld) this.sync();
    }
    const messages = this.out;
    this.out = [];
    return messages;
  }

  /** The write that is on its way becomes durable. */
  sync(): readonly MessageAfterPersist[] {
    const { writing } = this;
    this.writing = undefined;
    if (writing === undefined) return [];
    if (writing.snapshot !== undefined) this.log.install(writing.snapshot);
    this.log.append(writing.entries);
    this.hardState = writing.hardState ?? this.hardState;
    this.out.push(...writing.messages);
    this.raft.advance({ persisted: writing.id });
    return writing.messages;
  }

  /** Hands over a message from another peer, and works. */
  hear(message: Message): Message[] {
    this.raft.step({ ...message, to: this.id });
    return this.work();
  }

  tick(count = 1): Message[] {
    const messages: Message[] = [];
    for (let tick = 0; tick < count; tick += 1) {
      this.raft.tick();
      messages.push(...this.work());
    }
    return messages;
  }

  /** Stands for election, and gets the votes of `voters`. */
  elect(...voters: readonly string[]): Message[] {
    this.raft.campaign();
    this.work();
    for (const from of memberIds(voters))
      this.raft.step({ ...this.vote('pre-vote.reply', this.raft.term + 1), from });
    this.work();
    for (const from of memberIds(voters))
      this.raft.step({ ...this.vote('vote.reply', this.raft.term), from });
    return this.work();
  }

  /** `from` holds everything through `match`. */
  accept(from: string, match = this.raft.lastIndex as number): Message[] {
    const outcome = { kind: 'accepted', match: match as LogIndex } as const;
    const { term } = this.raft;
    const to = this.id;
    return this.hear({ kind: 'append.reply', from: from as PeerId, to, term, outcome });
  }

  propose(...texts: readonly string[]) {
    return this.raft.propose(texts.map((text) => command(text)));
  }

  /** Term of each entry, durable or not. */
  get terms(): readonly number[] {
    const log = logInside(this.raft);
    const terms: number[] = [];
    for (let at = log.firstIndex; at <= log.lastIndex; at = (at + 1) as LogIndex)
      terms.push(log.term(at) ?? -1);
    return terms;
  }

  private vote(kind: 'pre-vote.reply' | 'vote.reply', term: number) {
    return { kind, to: this.id, term: term as Term, isGranted: true };
  }
}

let sequence = 0;

export function command(text: string): Command {
  sequence += 1;
  const session = { client: 'test' as ClientId, sequence, floor: 1, since: 0 as LogIndex };
  return { data: new TextEncoder().encode(text), session };
}

export function textOf(payload: Payload): string {
  switch (payload.kind) {
    case 'empty':
      return '-';
    case 'command':
      return new TextDecoder().decode(payload.command.data);
    case 'membership': {
      const { voters, learners } = payload.membership;
      return `[${voters.join(' ')}${learners.map((id) => ` (${id})`).join('')}]`;
    }
  }
}

interface InsideLog {
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  term(index: LogIndex): Term | undefined;
}

function logInside(raft: Raft): InsideLog {
  return (raft as unknown as { core: { log: InsideLog } }).core.log;
}

/** Messages of one kind, narrowed to it. */
export function ofKind<Kind extends Message['kind']>(
  messages: readonly Message[],
  kind: Kind,
): Extract<Message, { kind: Kind }>[] {
  return messages.filter(
    (message): message is Extract<Message, { kind: Kind }> => message.kind === kind,
  );
}
