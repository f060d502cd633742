/**
 * Keeps a node's certificate and trust as they must be: of the root and with the roots that
 * managers tell, and renewed in time.
 *
 * Level-triggered: what is wanted and what is held are compared whenever something is told and now
 * and then, one step is taken, and compared again. Trust comes first, so that a node trusts a root
 * before it shows a certificate of it.
 */
import { messageOf, randomBelow, type Clock, type Logger, type Rng } from '../../base/index.ts';
import type { NodeTls } from '../../model/index.ts';
import { createNodeKey, renewalDueMs } from './certificates.ts';
import type { Identity } from './identity-file.ts';
import { describeTls, isSameCertificate, type TrustedRoots } from './trust.ts';

/** A certificate as managers hand it out. */
export interface Renewal {
  readonly certificatePem: string;
  /** Roots to trust; absent where they stay. */
  readonly authorityPem?: string | undefined;
}

export type KeptParts = Pick<Identity, 'authorityPem' | 'certificatePem' | 'keyPem'>;

export interface CertificateKeeperOptions {
  readonly held: () => KeptParts;
  /** Makes new parts durable, and uses them. */
  readonly change: (parts: KeptParts) => Promise<void>;
  /** From a manager; undefined while there is none. */
  readonly renew: (requestPem: string) => Promise<Renewal | undefined>;
  /** What the node says of itself has changed. */
  readonly changed: () => void;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly checkMs: number;
}

/** After a renewal that failed: a second and up to two more, so that nodes do not come in step. */
const RETRY_MIN_MS = 1_000;
const RETRY_SPREAD_MS = 2_000;

export class CertificateKeeper {
  private readonly options: CertificateKeeperOptions;
  private wanted: TrustedRoots | undefined;
  private working: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private described: { readonly of: KeptParts; readonly tls: NodeTls } | undefined;
  /** Told something since the last look. */
  private isTold = false;
  private isStopped = false;

  constructor(options: CertificateKeeperOptions) {
    this.options = options;
  }

  /** What the held certificate and trust are. */
  get tls(): NodeTls {
    const of = this.options.held();
    if (this.described?.of !== of) this.described = { of, tls: describeTls(of) };
    return this.described.tls;
  }

  start(): void {
    this.check();
  }

  /** A manager told which roots there are. */
  follow(roots: TrustedRoots): void {
    this.wanted = roots;
    this.isTold = true;
    this.check();
  }

  /**
   * Another key and certificate from `renew`, whatever is due: the managers no longer take the held
   * one. Throws what `renew` throws.
   */
  async replace(renew: CertificateKeeperOptions['renew']): Promise<void> {
    const { keyPem, requestPem } = await createNodeKey();
    const renewal = await renew(requestPem);
    if (renewal === undefined) return;
    const { authorityPem = this.options.held().authorityPem, certificatePem } = renewal;
    await this.options.change({ authorityPem, certificatePem, keyPem });
    this.options.logger.info({}, "this node's certificate was renewed");
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.working;
  }

  private check(): void {
    if (this.isStopped || this.working !== undefined) return;
    this.working = this.work().then((waitMs) => {
      this.working = undefined;
      clearTimeout(this.timer);
      if (!this.isStopped) this.timer = setTimeout(() => this.check(), this.isTold ? 0 : waitMs);
    });
  }

  /** Takes steps until there is none to take; resolves with the time until the next look. */
  private async work(): Promise<number> {
    const { options } = this;
    try {
      let isMoving = true;
      while (isMoving && !this.isStopped) {
        this.isTold = false;
        isMoving = await this.step();
      }
      return options.checkMs;
    } catch (error) {
      const message = "this node's certificate could not be renewed yet";
      options.logger.warn({ error: messageOf(error) }, message);
      const waitMs = RETRY_MIN_MS + randomBelow(options.rng, RETRY_SPREAD_MS);
      return Math.min(options.checkMs, waitMs);
    }
  }

  /** Whether something changed, so that it is to be looked at again. */
  private async step(): Promise<boolean> {
    const { options, wanted } = this;
    const held = options.held();
    if (wanted !== undefined && !isSameCertificate(wanted.authorityPem, held.authorityPem)) {
      await options.change({ ...held, authorityPem: wanted.authorityPem });
      options.changed();
      return true;
    }
    const isOfRoot = wanted === undefined || this.tls.issuer === wanted.issuer;
    if (isOfRoot && options.clock.wallMs() < renewalDueMs(held.certificatePem)) return false;
    await this.replace(options.renew);
    if (options.held() === held) throw new Error('there is no session with a manager');
    options.changed();
    if (wanted !== undefined && this.tls.issuer !== wanted.issuer)
      throw new Error('the manager signed with another root than it told of');
    return true;
  }
}
