/** The objects that the compliance suite plays with. */
import type { Mac } from '../../../src/base/index.ts';
import type { Vni } from '../../../src/model/index.ts';
import type {
  BridgePort,
  KernelObject,
  LinkObject,
  NamespaceName,
  NftTableObject,
} from '../../../src/dataplane/index.ts';

/** Not VXLAN's own port, so that no agent on the machine is disturbed. */
export const UDP_PORT = 47_891;
export const PORT: BridgePort = {
  learning: false,
  unicastFlood: false,
  isolated: false,
  hairpin: false,
};
export const SYSCTLS = ['net/ipv4/ip_forward', 'net/ipv4/conf/br0/forwarding'];

export const BRIDGE: LinkObject = {
  kind: 'link',
  type: 'bridge',
  name: 'br0',
  isUp: true,
  mac: '02:48:57:00:00:01' as Mac,
  mtu: 1450,
};
export const BRIDGE_ADDRESS: KernelObject = {
  kind: 'address',
  link: 'br0',
  address: '10.77.0.1/24',
};

export function vxlan(vni: number, local = '192.0.2.1'): LinkObject {
  return {
    kind: 'link',
    type: 'vxlan',
    name: 'vx0',
    isUp: true,
    mac: '02:00:00:00:00:07' as Mac,
    mtu: 1450,
    master: 'br0',
    port: { ...PORT, unicastFlood: true },
    vni: vni as Vni,
    udpPort: UDP_PORT,
    local,
  };
}

export function veth(peerNamespace: NamespaceName): LinkObject {
  return {
    kind: 'link',
    type: 'veth',
    name: 'vabc',
    isUp: true,
    mac: '02:00:00:00:00:09' as Mac,
    mtu: 1450,
    master: 'br0',
    port: { ...PORT, hairpin: true },
    peerNamespace,
    peerName: 'eth0',
  };
}

export const PEER: LinkObject = {
  kind: 'link',
  type: 'veth-peer',
  name: 'eth0',
  isUp: true,
  mac: '02:42:0a:4d:00:08' as Mac,
  mtu: 1450,
};

/** One of everything that hangs on links. */
export const ROWS: readonly KernelObject[] = [
  BRIDGE_ADDRESS,
  { kind: 'address', link: 'br0', address: '10.77.0.5/32' },
  {
    kind: 'route',
    destination: '10.78.0.0/16',
    table: 254,
    link: 'br0',
    via: '10.77.0.9',
    isOnlink: false,
  },
  {
    kind: 'route',
    destination: '0.0.0.0/0',
    table: 1001,
    link: 'br0',
    via: '169.254.0.2',
    isOnlink: true,
  },
  { kind: 'route', destination: '10.79.0.0/16', table: 254, link: 'br0', isOnlink: false },
  { kind: 'rule', priority: 100, table: 1001, mark: 7 },
  { kind: 'rule', priority: 101, table: 1001, source: '10.77.0.9' },
  { kind: 'neighbour', link: 'br0', address: '169.254.0.2', mac: '02:48:57:00:00:02' as Mac },
  { kind: 'neighbour', link: 'vx0', address: '10.77.0.9', mac: '02:42:0a:4d:00:09' as Mac },
  {
    kind: 'fdb',
    link: 'vx0',
    mac: '02:42:0a:4d:00:09' as Mac,
    owner: 'self',
    vtep: '192.0.2.9',
  },
  { kind: 'fdb', link: 'vabc', mac: '02:42:0a:4d:00:08' as Mac, owner: 'master' },
  { kind: 'sysctl', path: 'net/ipv4/ip_forward', value: '1' },
  { kind: 'sysctl', path: 'net/ipv4/conf/br0/forwarding', value: '0' },
];

export function table(change: Partial<NftTableObject> = {}): NftTableObject {
  return {
    kind: 'nft-table',
    family: 'inet',
    name: 'hawser',
    sets: [
      { name: 'ports', type: 'inet_proto . inet_service', elements: ['tcp . 80', 'udp . 53'] },
      {
        name: 'affinity',
        type: 'ipv4_addr',
        dynamic: { timeoutSeconds: 600, sizeMax: 1024 },
        elements: [],
      },
    ],
    maps: [
      {
        name: 'vips',
        type: 'ipv4_addr . inet_proto . inet_service : verdict',
        elements: new Map([
          ['10.77.0.5 . tcp . 80', 'goto svc-a'],
          ['10.77.0.6 . udp . 53', 'goto svc-b'],
        ]),
      },
      {
        name: 'marks',
        type: 'ether_addr : mark',
        elements: new Map([['02:48:57:00:00:02', '0x2']]),
      },
    ],
    chains: [
      { name: 'svc-a', rules: ['dnat ip to 10.77.0.8'] },
      { name: 'svc-b', rules: ['dnat ip to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }'] },
      {
        name: 'prerouting',
        base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
        rules: ['ip daddr . meta l4proto . th dport vmap @vips', 'meta l4proto . th dport @ports'],
      },
      {
        name: 'loopback',
        base: { type: 'filter', hook: 'ingress', priority: 0, policy: 'accept' },
        rules: ['ip daddr 127.0.0.11 udp dport 53 udp dport set 5353'],
      },
    ],
    ...change,
  };
}
