/**
 * Keeps this node in session with a manager for as long as it is a member: connects, runs the
 * session, waits, again.
 *
 * What the node is told outlives sessions (`HeldView`), and so does what it has to say
 * (`ReportOutbox`).
 */
import { messageOf, randomBelow, type Clock, type Logger, type Rng } from '../../base/index.ts';
import type { NodeDescription, NodeTls } from '../../model/index.ts';
import { isClusterError } from '../errors.ts';
import type { LocalNode } from '../member.ts';
import type { RenewReply } from '../transport/index.ts';
import type { ClusterMetrics, MemberTuning } from '../tuning.ts';
import type { HeldView } from './held-view.ts';
import {
  ManagerSession,
  type Connection,
  type ManagerSessionOptions,
  type Welcome,
} from './manager-session.ts';
import { ReportOutbox, type TaskReport } from './report-outbox.ts';

export interface AttendanceOptions {
  readonly held: HeldView;
  readonly localNode: LocalNode;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: ClusterMetrics;
  readonly tuning: MemberTuning;
  readonly addresses: ManagerSessionOptions['addresses'];
  /** Of the certificate that it shows, and of what it trusts. */
  readonly tls: () => NodeTls;
  readonly connect: () => Promise<Connection>;
  /** A session began, or the manager said anew what it says at the beginning. */
  readonly welcomed: (welcome: Welcome) => void;
  readonly roleTold: ManagerSessionOptions['roleTold'];
  /** The manager that was asked does not lead; another one may. */
  readonly leaderTold: (leader: string | undefined) => void;
  readonly gossipGeneration: () => number | undefined;
  readonly viewChanged: () => void;
  readonly stateChanged: () => void;
}

/** `refused`: a manager answered that it does not take this node, or neither takes the other. */
export type AttendanceState =
  { readonly kind: 'pending' | 'active' } | { readonly kind: 'refused'; readonly message: string };

export class Attendance {
  private readonly options: AttendanceOptions;
  private readonly outbox = new ReportOutbox();
  private current: AttendanceState = { kind: 'pending' };
  private session: ManagerSession | undefined;
  private isStopped = false;
  private failures = 0;
  private wake: () => void = () => undefined;
  private running: Promise<void> | undefined;

  constructor(options: AttendanceOptions) {
    this.options = options;
  }

  get state(): AttendanceState {
    return this.current;
  }

  start(): void {
    this.running = this.run();
  }

  report(reports: readonly TaskReport[]): void {
    this.outbox.put(reports);
    this.session?.flushReports();
  }

  /** A certificate from the manager in session; undefined without one. */
  async renew(requestPem: string): Promise<RenewReply | undefined> {
    return this.session?.renew(requestPem);
  }

  refreshDescription(): void {
    void this.describe().then(
      (description) => this.session?.sendDescription(description),
      (error: unknown) =>
        this.options.logger.warn({ error: messageOf(error) }, 'this node cannot describe itself'),
    );
  }

  /** Ends for good; with `isLeaving` the manager is told that the node will not come back. */
  async stop(isLeaving: boolean): Promise<void> {
    this.isStopped = true;
    if (isLeaving) this.session?.sayGoodbye();
    else this.session?.close('this node stops');
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      await this.attend();
      if (this.hasStopped()) return;
      this.failures += 1;
      this.options.metrics.countReconnect?.();
      await this.pause();
    }
  }

  // A call, because the compiler takes a field that it saw false to stay so.
  private hasStopped(): boolean {
    return this.isStopped;
  }

  private async attend(): Promise<void> {
    try {
      const description = await this.options.localNode.description();
      const connection = await this.options.connect();
      if (this.isStopped) return connection.close();
      const session = new ManagerSession({
        ...this.options,
        connection,
        outbox: this.outbox,
        welcomed: (welcome) => this.welcomed(welcome),
      });
      this.session = session;
      // Not earlier: connecting may have brought another certificate.
      session.start({ ...description, tls: this.options.tls() });
      const { reason, refusal } = await session.ended;
      this.options.logger.info({ reason }, 'the session with the manager ended');
      if (refusal?.code === 'not-leader') this.sentOn(refusal.leader);
      else if (refusal === undefined) this.enter({ kind: 'pending' });
      else this.enter({ kind: 'refused', message: refusal.message });
    } catch (error) {
      const message = messageOf(error);
      this.options.logger.warn({ error: message }, 'no session with a manager');
      // These do not pass by themselves: an operator must see them.
      const isLasting =
        isClusterError(error, 'certificate-expired') || isClusterError(error, 'clock-skew');
      if (isLasting) this.enter({ kind: 'refused', message });
      else if (this.current.kind === 'active') this.enter({ kind: 'pending' });
    } finally {
      this.session = undefined;
    }
  }

  private async describe(): Promise<NodeDescription> {
    return { ...(await this.options.localNode.description()), tls: this.options.tls() };
  }

  /** A known leader is asked at once. */
  private sentOn(leader: string | undefined): void {
    this.options.leaderTold(leader);
    if (leader !== undefined) this.failures = 0;
    this.enter({ kind: 'pending' });
  }

  private welcomed(welcome: Welcome): void {
    this.failures = 0;
    this.options.welcomed(welcome);
    this.enter({ kind: 'active' });
  }

  private enter(state: AttendanceState): void {
    const isSame = this.current.kind === state.kind;
    this.current = state;
    if (!isSame) this.options.stateChanged();
  }

  /**
   * Exponential, with half of it random, so that a manager's restart is not followed by all nodes
   * at once.
   */
  private async pause(): Promise<void> {
    const { reconnectMinMs, reconnectMaxMs } = this.options.tuning;
    const fullMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(this.failures - 1, 16));
    const waitMs = fullMs / 2 + randomBelow(this.options.rng, Math.ceil(fullMs / 2) + 1);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
