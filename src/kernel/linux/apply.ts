/** Carries out a list of operations in one namespace. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  HOST_NAMESPACE,
  objectKey,
  type NamespaceName,
  type Operation,
  type OperationOutcome,
} from '../../dataplane/index.ts';
import { isErrno, KernelError } from '../kernel-error.ts';
import { writeSysctl } from '../native.ts';
import type { NamespaceTable } from '../netns.ts';
import { applyNft, type NftChange } from '../nft/nft-tables.ts';
import { failureOf } from './failure.ts';
import { LinkWriter } from './link-writer.ts';
import { isRow, rowRequests, type RowRequest } from './row-requests.ts';
import { checkedSysctlPath } from './sysctl.ts';

/** Netlink calls block the event loop; after this long it gets a turn. */
const BLOCKING_MS_MAX = 10;
/** Rows of one batch, so that the turn above comes in time. */
const ROWS_PER_BATCH = 4000;

/** One batch of operations on one namespace; used once. */
export class Application {
  private readonly namespaces: NamespaceTable;
  private readonly name: NamespaceName;
  private readonly operations: readonly Operation[];
  private readonly outcomes: (OperationOutcome | undefined)[];
  private readonly links: LinkWriter;
  private turnStartedMs = performance.now();

  constructor(namespaces: NamespaceTable, name: NamespaceName, operations: readonly Operation[]) {
    this.namespaces = namespaces;
    this.name = name;
    this.operations = operations;
    this.outcomes = operations.map(() => undefined);
    this.links = new LinkWriter(namespaces, name);
  }

  async run(): Promise<readonly OperationOutcome[]> {
    let next = 0;
    while (next < this.operations.length) {
      next = await this.step(next);
      if (performance.now() - this.turnStartedMs < BLOCKING_MS_MAX) continue;
      await nextTurn();
      this.turnStartedMs = performance.now();
    }
    return this.outcomes.map((outcome) => outcome ?? { ok: true });
  }

  /**
   * Carries out the operation at `index`, and those after it that go with it; returns the index
   * after them.
   */
  private async step(index: number): Promise<number> {
    const operation = this.operations[index] as Operation;
    const { object } = operation;
    if (isRow(object)) return this.applyRows(index);
    if (object.kind === 'nft-table') {
      if (this.outcomes[index] === undefined) await this.applyTables(index);
      return index + 1;
    }
    this.attempt(index, () => {
      if (object.kind === 'sysctl') this.applySysctl(operation.action, object);
      else if (operation.action === 'put') this.links.put(object);
      else this.links.delete(object);
    });
    return index + 1;
  }

  private applySysctl(
    action: Operation['action'],
    sysctl: { readonly path: string; readonly value: string },
  ): void {
    // A setting that is no longer wanted keeps its last value: there is no "unset".
    if (action === 'delete') return;
    const { fd } = this.namespaces.open(this.name);
    writeSysctl(fd, checkedSysctlPath(sysctl.path), sysctl.value);
  }

  /** All rows up to the next other object, in one batch. */
  private applyRows(first: number): number {
    const batch: (RowRequest & { readonly index: number })[] = [];
    let index = first;
    for (; index < this.operations.length && index - first < ROWS_PER_BATCH; index += 1) {
      const operation = this.operations[index] as Operation;
      const { object } = operation;
      if (!isRow(object)) break;
      const at = index;
      this.attempt(at, () => {
        for (const row of rowRequests(operation, object, (link) => this.links.indexOf(link)))
          batch.push({ ...row, index: at });
      });
    }
    const errors = this.namespaces.open(this.name).route.batch(batch.map((row) => row.request));
    for (const [at, row] of batch.entries()) {
      const error = errors[at];
      if (error !== undefined && !isErrno(error, ...row.harmless)) this.fail(row.index, error);
    }
    return index;
  }

  private async applyTables(first: number): Promise<void> {
    const changes: (NftChange & { readonly index: number })[] = [];
    for (let index = first; index < this.operations.length; index += 1) {
      const operation = this.operations[index] as Operation;
      if (operation.object.kind !== 'nft-table') continue;
      changes.push({ index, ...nftChange(operation) });
    }
    const path = this.name === HOST_NAMESPACE ? undefined : this.namespaces.path(this.name);
    const errors = await applyNft(path, changes);
    for (const [at, change] of changes.entries()) {
      const error = errors[at];
      this.outcomes[change.index] = { ok: true };
      if (error !== undefined) this.fail(change.index, error);
    }
  }

  private attempt(index: number, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      const isGone = this.operations[index]?.action === 'delete' && isErrno(error, 'ENODEV');
      if (!isGone) this.fail(index, error);
    }
  }

  private fail(index: number, error: KernelError): void {
    const key = objectKey((this.operations[index] as Operation).object);
    this.outcomes[index] = { ok: false, error: failureOf(error, key) };
  }
}

function nftChange(operation: Operation): NftChange {
  const { object } = operation;
  if (object.kind !== 'nft-table') return {};
  if (operation.action === 'delete') return { was: object };
  const { was } = operation;
  return { want: object, ...(was?.kind === 'nft-table' ? { was } : {}) };
}
