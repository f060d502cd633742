/**
 * What is known of each namespace's tables. The kernel counts the nft transactions of a namespace;
 * as long as its count is what our own transactions make of the last one seen, the tables are what
 * we left behind and need not be listed.
 */
import {
  isSharedNamespace,
  type NamespaceName,
  type NftTableObject,
} from '../../dataplane/index.ts';
import type { KernelError } from '../kernel-error.ts';
import type { NamespaceFd } from '../native.ts';
import { applyNft, listNft, nftGeneration, type NftChange } from './nft-tables.ts';
import type { NftNamespacePath } from './program.ts';

export interface TablePlace {
  readonly name: NamespaceName;
  readonly fd: NamespaceFd;
  /** The kernel's number of the namespace: another one has other tables. */
  readonly inode: number;
  readonly path: NftNamespacePath;
}

interface Known {
  readonly inode: number;
  readonly generation: number;
  readonly tables: readonly NftTableObject[];
}

export class KnownTables {
  private readonly known = new Map<NamespaceName, Known>();
  private readonly busy = new Set<NamespaceName>();

  async observe(place: TablePlace): Promise<readonly NftTableObject[]> {
    const generation = nftGeneration(place.fd);
    const known = this.knownOf(place);
    if (known?.generation === generation) return known.tables;
    const tables = await listNft(place.path, { isShared: isSharedNamespace(place.name) });
    this.known.set(place.name, { inode: place.inode, generation, tables });
    return tables;
  }

  /** Own transactions are under way: the count says nothing of others'. */
  isBusy(name: NamespaceName): boolean {
    return this.busy.has(name);
  }

  /** Whether the namespace's count of transactions is the one that its tables are known of. */
  areAsOf(place: Pick<TablePlace, 'name' | 'inode'>, generation: number): boolean {
    return this.knownOf(place)?.generation === generation;
  }

  /** As `applyNft`. */
  async apply(
    place: TablePlace,
    changes: readonly NftChange[],
  ): Promise<(KernelError | undefined)[]> {
    const before = this.knownOf(place);
    this.busy.add(place.name);
    try {
      const { errors, transactions } = await applyNft(place.path, changes);
      const generation = nftGeneration(place.fd);
      const isOnlyOurs = before !== undefined && generation === before.generation + transactions;
      if (isOnlyOurs && errors.every((error) => error === undefined))
        this.known.set(place.name, {
          inode: place.inode,
          generation,
          tables: changed(before.tables, changes),
        });
      else this.known.delete(place.name);
      return errors;
    } finally {
      this.busy.delete(place.name);
    }
  }

  forget(name: NamespaceName): void {
    this.known.delete(name);
  }

  clear(): void {
    this.known.clear();
  }

  private knownOf({ name, inode }: Pick<TablePlace, 'name' | 'inode'>): Known | undefined {
    const known = this.known.get(name);
    return known?.inode === inode ? known : undefined;
  }
}

function changed(
  tables: readonly NftTableObject[],
  changes: readonly NftChange[],
): NftTableObject[] {
  const after = new Map(tables.map((table) => [`${table.family} ${table.name}`, table]));
  for (const { was, want } of changes) {
    if (was !== undefined) after.delete(`${was.family} ${was.name}`);
    if (want !== undefined) after.set(`${want.family} ${want.name}`, want);
  }
  return [...after.values()];
}
