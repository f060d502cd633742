/**
 * Each command once, however often it was tried (thesis, 6.3). Part of the host's state machine:
 * asked and told in log order, snapshotted and restored with it, so that all peers decide alike.
 *
 * A client's outcomes are kept from its floor on: what it may still try again. Clients beyond the
 * maximum are forgotten, the longest silent first. A forgotten client must not pass for a new one,
 * so a stamp tells what was applied when its session began: a session that began before the last
 * forgetting and is not known here is refused.
 */
import { NO_INDEX, maxIndex, type ClientId, type LogIndex, type SessionStamp } from './types.ts';

export interface SessionLimits {
  readonly clientsMax: number;
  /** The most commands of one client that may be under way at a time. */
  readonly outcomesPerClientMax: number;
}

export const SESSION_LIMITS: SessionLimits = { clientsMax: 256, outcomesPerClientMax: 8192 };

export type SessionCheck<Outcome> =
  /** To be applied, then told with `record`. */
  | { readonly kind: 'new' }
  /** Was applied; nothing to do. */
  | { readonly kind: 'duplicate'; readonly outcome: Outcome }
  /**
   * Not applied now, and not known whether it ever was: below the client's floor, or of a forgotten
   * session.
   */
  | { readonly kind: 'expired' }
  /** Not applied: the client has too many under way. */
  | { readonly kind: 'too-many' };

interface Session<Outcome> {
  floor: number;
  readonly outcomes: Map<number, Outcome>;
}

/** Plain data, the same at every peer that applied the same entries. */
export interface SessionSnapshot<Outcome> {
  readonly forgottenAt: LogIndex;
  /** The longest silent client first. */
  readonly clients: readonly {
    readonly client: ClientId;
    readonly floor: number;
    readonly outcomes: readonly (readonly [sequence: number, outcome: Outcome])[];
  }[];
}

export class SessionTable<Outcome> {
  private readonly limits: SessionLimits;
  /** The longest silent client first. */
  private readonly sessions = new Map<ClientId, Session<Outcome>>();
  /** The last one of them. Most commands come in rows from one. */
  private newest: ClientId | undefined;
  /** The entry at which a client was last forgotten. */
  private forgottenAt: LogIndex = NO_INDEX;

  constructor(limits: SessionLimits = SESSION_LIMITS) {
    this.limits = limits;
  }

  static restore<Outcome>(
    snapshot: SessionSnapshot<Outcome>,
    limits: SessionLimits = SESSION_LIMITS,
  ): SessionTable<Outcome> {
    const table = new SessionTable<Outcome>(limits);
    table.forgottenAt = snapshot.forgottenAt;
    for (const { client, floor, outcomes } of snapshot.clients)
      table.sessions.set(client, { floor, outcomes: new Map(outcomes) });
    return table;
  }

  get clientCount(): number {
    return this.sessions.size;
  }

  check({ client, sequence, floor, since }: SessionStamp): SessionCheck<Outcome> {
    const session = this.sessions.get(client);
    if (session === undefined) return { kind: since < this.forgottenAt ? 'expired' : 'new' };
    if (sequence < session.floor) return { kind: 'expired' };
    if (session.outcomes.has(sequence))
      return { kind: 'duplicate', outcome: session.outcomes.get(sequence) as Outcome };
    return { kind: this.isFull(session, floor) ? 'too-many' : 'new' };
  }

  /** Told after each command that `check` called new. `index` is that of its entry. */
  record({ client, sequence, floor }: SessionStamp, index: LogIndex, outcome: Outcome): void {
    const session = this.sessions.get(client) ?? { floor, outcomes: new Map<number, Outcome>() };
    session.outcomes.set(sequence, outcome);
    this.raiseFloor(session, floor);
    if (this.newest === client) return;
    this.newest = client;
    this.sessions.delete(client);
    this.sessions.set(client, session);
    this.forgetSilent(index);
  }

  snapshot(): SessionSnapshot<Outcome> {
    const clients = [...this.sessions].map(([client, { floor, outcomes }]) => ({
      client,
      floor,
      outcomes: [...outcomes],
    }));
    return { forgottenAt: this.forgottenAt, clients };
  }

  /** Outcomes below the floor that the command itself brings make room for it. */
  private isFull({ outcomes }: Session<Outcome>, floor: number): boolean {
    const { outcomesPerClientMax } = this.limits;
    if (outcomes.size < outcomesPerClientMax) return false;
    const kept = [...outcomes.keys()].filter((sequence) => sequence >= floor);
    return kept.length >= outcomesPerClientMax;
  }

  private raiseFloor(session: Session<Outcome>, floor: number): void {
    const { outcomes } = session;
    const from = session.floor;
    if (floor <= from) return;
    session.floor = floor;
    // Usually a few steps; a leap of the floor costs no more than what is kept.
    const isLeap = floor - from > outcomes.size;
    const doomed = isLeap ? [...outcomes.keys()].filter((sequence) => sequence < floor) : [];
    for (const sequence of doomed) outcomes.delete(sequence);
    for (let at = from; !isLeap && at < floor; at += 1) outcomes.delete(at);
  }

  private forgetSilent(index: LogIndex): void {
    for (const client of this.sessions.keys()) {
      if (this.sessions.size <= this.limits.clientsMax) return;
      this.sessions.delete(client);
      this.forgottenAt = maxIndex(this.forgottenAt, index);
    }
  }
}
