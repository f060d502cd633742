/**
 * The machines of a lab: one network namespace per node and one for a client outside the cluster,
 * on one bridge that lives in a namespace of its own, because a Docker Engine on the host filters
 * what the host forwards.
 *
 * Every sysctl that matters is set: a new namespace inherits the machine's, which differs between a
 * laptop and a server. The values are those of a freshly installed Debian server.
 */
import { LAB_CLIENT, labNodes, namespacePath, UNDERLAY_NAMESPACE, type LabHost } from './layout.ts';
import { run } from './shell.ts';

const HOST_SYSCTLS = [
  'net.ipv4.ip_forward=0',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=2',
  'net.ipv4.conf.eth0.rp_filter=2',
  'net.ipv4.conf.all.route_localnet=0',
  'net.ipv4.ping_group_range=0 2147483647',
  'net.ipv6.conf.all.disable_ipv6=0',
  'net.ipv6.conf.default.disable_ipv6=0',
  'net.ipv6.conf.all.forwarding=0',
  // Duplicate address detection would keep an address unusable for its first second.
  'net.ipv6.conf.eth0.accept_dad=0',
];
/** Present only where br_netfilter is loaded; the underlay is a switch, not a firewall. */
const SWITCH_SYSCTLS = [
  'net.bridge.bridge-nf-call-iptables=0',
  'net.bridge.bridge-nf-call-ip6tables=0',
  'net.bridge.bridge-nf-call-arptables=0',
];

export async function createUnderlay(nodes: number): Promise<void> {
  const hosts: LabHost[] = [...labNodes(nodes), LAB_CLIENT];
  const names = [UNDERLAY_NAMESPACE, ...hosts.map((host) => host.namespace)];
  await ipBatch(names.map((name) => `netns add ${name}`));
  await setSysctls(UNDERLAY_NAMESPACE, SWITCH_SYSCTLS);
  await ipBatch(
    [
      'link set lo up',
      'link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0',
      'link set br0 up',
      ...hosts.flatMap(({ port, namespace }) => [
        `link add ${port} type veth peer name eth0 netns ${namespace}`,
        `link set ${port} master br0 up`,
      ]),
    ],
    UNDERLAY_NAMESPACE,
  );
  await Promise.all(hosts.map(configureHost));
}

async function configureHost(host: LabHost): Promise<void> {
  await setSysctls(host.namespace, HOST_SYSCTLS);
  await ipBatch(
    [
      'link set lo up',
      'link set eth0 up',
      `address add ${host.address}/24 dev eth0`,
      `address add ${host.address6}/64 dev eth0 nodad`,
    ],
    host.namespace,
  );
}

/** Whole lines for `ip -batch`: one process for many changes, stopping at the first that fails. */
async function ipBatch(lines: readonly string[], namespace?: string): Promise<void> {
  const where = namespace === undefined ? [] : ['-n', namespace];
  await run(['ip', ...where, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** `-e` passes over what this kernel does not have. */
async function setSysctls(namespace: string, values: readonly string[]): Promise<void> {
  await run([...inNamespace(namespace), 'sysctl', '-q', '-e', '-w', ...values]);
}

/** Not `ip netns exec`: that one remounts /sys, which hides the cgroups from runc. */
export function inNamespace(namespace: string): string[] {
  return ['nsenter', `--net=${namespacePath(namespace)}`, '--'];
}
