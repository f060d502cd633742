/**
 * Where probes go in and out: a namespace with one VXLAN device of a VNI that no network has, and
 * an address per node. What they meet on the way is what the networks' packets meet; only they may
 * not be divided, so that the largest size that passes can be found.
 */
import { macOfNodeIndex } from '../../base/index.ts';
import type { PeerRow, Vni } from '../../model/index.ts';
import { address, sysctl } from '../make.ts';
import { vxlanLink } from '../names.ts';
import type { KernelObject, NamespaceName } from '../objects.ts';
import type { Scene } from '../scene.ts';
import { PROBE_BYTES_MAX } from './trial.ts';

export const PATH_NAMESPACE: NamespaceName = 'n-paths';
/** The one below those that networks get. */
const PATH_VNI = 4095 as Vni;
const PREFIX_BITS = 16;

/** The node's address among the probes' (RFC 6598's, in a namespace where nothing else is). */
export function pathAddress({ index }: Pick<PeerRow, 'index'>): string {
  return `100.64.${index >> 8}.${index & 255}`;
}

export function pathObjects({ view }: Scene, self: PeerRow): KernelObject[] {
  const link = vxlanLink(0);
  const peers = [...view.peers.values()].filter(({ nodeId }) => nodeId !== self.nodeId);
  return [
    sysctl('net/ipv4/ip_forward', 0),
    sysctl('net/ipv6/conf/all/disable_ipv6', 1),
    sysctl('net/ipv6/conf/default/disable_ipv6', 1),
    {
      kind: 'link',
      type: 'vxlan',
      name: link,
      vni: PATH_VNI,
      udpPort: view.settings.dataPathPort,
      local: self.vtep,
      isUndivided: true,
      isUp: true,
      mac: macOfNodeIndex(self.index),
      mtu: PROBE_BYTES_MAX,
    },
    address(link, pathAddress(self), PREFIX_BITS),
    ...peers.flatMap((peer): KernelObject[] => {
      const mac = macOfNodeIndex(peer.index);
      return [
        { kind: 'fdb', link, mac, owner: 'self', vtep: peer.vtep },
        { kind: 'neighbour', link, address: pathAddress(peer), mac },
      ];
    }),
  ];
}
