/**
 * A kernel in memory that behaves like the real one and, unlike it, fails often: for tests and the
 * simulator.
 */
import { SeededRng, type Rng } from '../base/index.ts';
import {
  objectKey,
  type Kernel,
  type KernelObject,
  type NamespaceName,
  type ObserveRequest,
  type Operation,
  type OperationOutcome,
} from '../dataplane/index.ts';
import { checkFdb, checkRoute, checkSysctl, storedTable } from './fake/fake-rows.ts';
import { FakeWorld } from './fake/fake-world.ts';
import { KernelError, systemError } from './kernel-error.ts';
import { failureOf } from './linux/failure.ts';
import { prefixOf, addressOf, macBytes } from './netlink/rtnl/addresses.ts';

const FAILURE_RATE = 0.1;

export interface FakeKernelOptions {
  /** Decides what fails; one seed gives one sequence. */
  readonly rng?: Rng;
  /**
   * Share of operations that fail with EAGAIN and change nothing, 0 to 1; one in ten by default.
   */
  readonly failureRate?: number;
}

export class FakeKernel implements Kernel {
  /** May be changed at any time: 0 lets things settle. */
  failureRate: number;
  /** Operations refused on purpose so far. */
  failuresTotal = 0;
  private readonly rng: Rng;
  private readonly world = new FakeWorld();

  constructor(options: FakeKernelOptions = {}) {
    this.rng = options.rng ?? new SeededRng(1);
    this.failureRate = options.failureRate ?? FAILURE_RATE;
  }

  async namespaces(): Promise<readonly NamespaceName[]> {
    return this.world.names();
  }

  async createNamespace(name: NamespaceName): Promise<void> {
    this.maybeFail(`namespace ${name}`);
    this.world.create(name);
  }

  async deleteNamespace(name: NamespaceName): Promise<void> {
    this.maybeFail(`namespace ${name}`);
    this.world.delete(name);
  }

  async observe(name: NamespaceName, request: ObserveRequest): Promise<readonly KernelObject[]> {
    return [...this.world.space(name).values()].filter(
      (object) => object.kind !== 'sysctl' || request.sysctls.includes(object.path),
    );
  }

  async apply(
    name: NamespaceName,
    operations: readonly Operation[],
  ): Promise<readonly OperationOutcome[]> {
    // Like the real one, it throws for a namespace that is not there.
    this.world.space(name);
    return operations.map((operation) => this.attempt(name, operation));
  }

  private attempt(name: NamespaceName, operation: Operation): OperationOutcome {
    const key = objectKey(operation.object);
    try {
      this.maybeFail(key);
      if (operation.action === 'put') this.put(name, operation.object);
      else this.delete(name, operation.object);
      return { ok: true };
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return { ok: false, error: failureOf(error, key) };
    }
  }

  private put(name: NamespaceName, object: KernelObject): void {
    const { world } = this;
    if (object.kind === 'link') {
      world.putLink(name, object);
      return;
    }
    this.check(name, object);
    const stored = object.kind === 'nft-table' ? storedTable(object) : object;
    world.space(name).set(objectKey(object), stored);
  }

  /** Throws `KernelError` for what the real kernel, or its encoder, would refuse. */
  private check(name: NamespaceName, object: KernelObject): void {
    const { world } = this;
    if ('link' in object) world.link(name, object.link);
    if ('mac' in object) macBytes(object.mac);
    if (object.kind === 'address') prefixOf(object.address);
    else if (object.kind === 'neighbour') addressOf(object.address);
    else if (object.kind === 'fdb') checkFdb(world, name, object);
    else if (object.kind === 'sysctl') checkSysctl(world, name, object);
    else if (object.kind === 'route') {
      prefixOf(object.destination);
      checkRoute(world, name, object);
    }
  }

  private delete(name: NamespaceName, object: KernelObject): void {
    if (object.kind === 'link') this.world.deleteLink(name, object.name);
    // A setting keeps its last value: there is no "unset".
    else if (object.kind !== 'sysctl') this.world.space(name).delete(objectKey(object));
  }

  private maybeFail(object: string): void {
    if (this.rng.nextU32() / 2 ** 32 >= this.failureRate) return;
    this.failuresTotal += 1;
    throw systemError({ errno: 'EAGAIN', call: 'fake' }, object, 'refused on purpose');
  }
}
