/** A namespace's nft tables: read when they have changed, written in one transaction. */
import type { NftTableObject } from '../../dataplane/index.ts';
import { KernelError } from '../kernel-error.ts';
import type { NamespaceFd } from '../native.ts';
import { FieldReader, NETLINK_NETFILTER, NetlinkSocket } from '../netlink/index.ts';
import { parseNft, parseNftTableNames } from './parse.ts';
import { nftRead, nftWrite, type NftNamespacePath } from './program.ts';
import { renderNft } from './render.ts';

const NFT_MSG_GETGEN = (10 << 8) | 16;
const NFTA_GEN_ID = 1;

/** From one table to another; an absent side is as for `renderNft`. */
export interface NftChange {
  readonly was?: NftTableObject;
  readonly want?: NftTableObject;
}

/**
 * The ruleset's generation: the kernel counts every transaction of a namespace. Asking costs
 * microseconds where listing costs a process, so that looking again is cheap while nobody changed
 * anything. 0 when nf_tables is not there.
 */
export function nftGeneration(namespaceFd: NamespaceFd): number {
  const socket = new NetlinkSocket(namespaceFd, NETLINK_NETFILTER);
  try {
    const [reply] = socket.request({
      type: NFT_MSG_GETGEN,
      object: 'nft generation',
      write: (writer) => writer.u32(0),
    });
    if (reply === undefined) return 0;
    const fields = new FieldReader(reply.payload);
    fields.skip(4);
    return fields.attributes().ipv4(NFTA_GEN_ID) ?? 0;
  } finally {
    socket.close();
  }
}

/**
 * Lists the tables of ours. In the host's namespace they are asked for by name: others' may be very
 * long.
 */
export async function listNft(namespace: NftNamespacePath): Promise<NftTableObject[]> {
  if (namespace !== undefined) return parseNft(await nftRead(namespace, ['list', 'ruleset']));
  const tables: NftTableObject[] = [];
  for (const { family, name } of parseNftTableNames(await nftRead(namespace, ['list', 'tables'])))
    tables.push(...parseNft(await nftRead(namespace, ['list', 'table', family, name])));
  return tables;
}

/**
 * Carries out all changes in one transaction. When it is refused, each is tried by itself, and then
 * as a whole replacement of its table, so that each has an outcome of its own: an error or
 * `undefined`, in order.
 */
export async function applyNft(
  namespace: NftNamespacePath,
  changes: readonly NftChange[],
): Promise<(KernelError | undefined)[]> {
  const together = await tryWrite(namespace, () =>
    changes.map(({ was, want }) => renderNft(was, want)).join(''),
  );
  if (together === undefined) return changes.map(() => undefined);
  const outcomes: (KernelError | undefined)[] = [];
  for (const change of changes) outcomes.push(await applyOne(namespace, change));
  return outcomes;
}

async function applyOne(
  namespace: NftNamespacePath,
  { was, want }: NftChange,
): Promise<KernelError | undefined> {
  const delta = await tryWrite(namespace, () => renderNft(was, want));
  // The table may be another than the one the change starts from.
  if (delta === undefined || was === undefined || want === undefined) return delta;
  return tryWrite(namespace, () => renderNft(undefined, want));
}

async function tryWrite(
  namespace: NftNamespacePath,
  render: () => string,
): Promise<KernelError | undefined> {
  try {
    const script = render();
    if (script !== '') await nftWrite(namespace, script);
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
}
