/** Finds nodes' attachments their place: what they name is looked up, and the state is asked. */
import type { Clock } from '../../base/index.ts';
import type { NodeId } from '../../model/index.ts';
import type { ApplyOutcome, Command, Store } from '../../store/index.ts';
import { ClusterError } from '../errors.ts';
import type { AttachGrant, AttachRequest } from '../member.ts';

export interface AttachDesk {
  readonly store: Store;
  readonly clock: Clock;
  readonly propose: (command: Command) => Promise<ApplyOutcome>;
}

/** Throws `ClusterError`: `refused` with the state's code for a reason, and those of `propose`. */
export async function grantAttachment(
  { store, clock, propose }: AttachDesk,
  nodeId: NodeId,
  request: AttachRequest,
): Promise<AttachGrant> {
  const { id, name, aliases, containerId, address } = request;
  const network = only('network', request.network, store.networks);
  const service = request.service && only('service', request.service, store.services);
  const outcome = await propose({
    type: 'attachment.create',
    atMs: clock.wallMs(),
    ...{ id, nodeId, name, aliases, containerId },
    networkId: network.id,
    ...(address !== undefined && { address }),
    ...(service && { backendOf: service.id }),
  });
  if (!outcome.ok) throw refused(outcome.refusal.code, outcome.refusal.message);
  const given = store.tasks.get(id)?.attachments[0]?.address;
  // Given back already: the network or the node went meanwhile.
  if (given === undefined) throw refused('not-found', `attachment ${name} is gone`);
  return { networkId: network.id, address: given };
}

/** What a person typed: an id, a name, or the only id that begins so. */
function only<Row>(
  kind: string,
  reference: string,
  table: { lookup(reference: string): readonly Row[] },
): Row {
  const [row, ...more] = table.lookup(reference);
  if (row === undefined) throw refused('not-found', `${kind} ${reference} not found`);
  if (more.length > 0)
    throw refused('invalid', `${kind} ${reference} is ambiguous (${more.length + 1} matches)`);
  return row;
}

function refused(reason: string, message: string): ClusterError {
  return new ClusterError({ code: 'refused', reason }, message);
}
