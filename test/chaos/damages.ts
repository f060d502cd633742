/**
 * What somebody else may do to a node, as shell in one of its namespaces. `$R` is a random number;
 * `row` picks a line by it.
 */

export type Where = 'host' | 'overlay' | 'ingress' | 'sandbox';

export interface Damage {
  readonly name: string;
  readonly where: Where;
  readonly script: string;
}

const PRELUDE = 'row() { awk -v r=$R "{ l[NR] = \\$0 } END { if (NR) print l[r % NR + 1] }"; }; ';
const MAC = 'm=$(bridge fdb show dev vx0 | grep dst | row | cut -d" " -f1); ';
const NEIGHBOUR = 'set -- $(ip neigh show nud permanent | row); ';
const PORT = "p=$(ip -o link | grep -o ' v[^ @]*@' | tr -d ' @' | row); ";
const SETTING =
  's=$(printf "%s\\n" net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=1 ' +
  'net.ipv4.conf.all.arp_ignore=8 net.ipv4.icmp_echo_ignore_all=1 | row); sysctl -w $s';

const TABLE: readonly [Where, string, string][] = [
  ['overlay', 'a forwarding row deleted', `${MAC} bridge fdb del $m dev vx0`],
  ['overlay', 'a forwarding row changed', `${MAC} bridge fdb replace $m dev vx0 dst 198.18.0.77`],
  ['overlay', 'all forwarding rows deleted', 'bridge fdb flush dev vx0 self permanent'],
  ['overlay', 'a neighbour deleted', `${NEIGHBOUR} ip neigh del $1 dev $3`],
  [
    'overlay',
    'a neighbour changed',
    `${NEIGHBOUR} ip neigh replace $1 lladdr 02:00:00:00:00:99 dev $3 nud permanent`,
  ],
  ['overlay', 'neighbours flushed', 'ip neigh flush nud permanent'],
  ['overlay', 'addresses flushed', 'ip addr flush dev br0'],
  ['overlay', 'bridge down', 'ip link set br0 down'],
  ['overlay', 'tunnel down', 'ip link set vx0 down'],
  ['overlay', 'port down', `${PORT} ip link set $p down`],
  ['overlay', 'bridge deleted', 'ip link del br0'],
  ['overlay', 'tunnel deleted', 'ip link del vx0'],
  ['overlay', 'port deleted', `${PORT} ip link del $p`],
  ['overlay', 'tunnel renamed', 'ip link set vx0 down; ip link set vx0 name vx7'],
  ['overlay', 'MTU changed', 'ip link set br0 mtu 68; ip link set vx0 mtu 576'],
  ['overlay', 'port without bridge', `${PORT} ip link set $p nomaster`],
  ['overlay', 'tunnel without bridge', 'ip link set vx0 nomaster'],
  ['overlay', 'flags of a port', `${PORT} bridge link set dev $p learning on isolated on`],
  ['overlay', 'MAC of the bridge', 'ip link set br0 address 02:00:00:00:00:98'],
  ['overlay', 'ruleset flushed', 'nft flush ruleset'],
  ['overlay', 'setting flipped', SETTING],
  ['ingress', 'ruleset flushed', 'nft flush ruleset'],
  ['ingress', 'bridge deleted', 'ip link del br0'],
  ['sandbox', 'address flushed', 'ip addr flush dev eth0'],
  ['sandbox', 'link down', 'ip link set eth0 down'],
  ['sandbox', 'link deleted', 'ip link del eth0'],
  ['sandbox', 'routes flushed', 'ip route flush table main'],
  ['sandbox', 'MTU changed', 'ip link set eth0 mtu 600'],
  ['sandbox', 'ruleset flushed', 'nft flush ruleset'],
  ['host', 'ruleset flushed', 'nft flush ruleset'],
  [
    'host',
    'a rule deleted',
    'nft delete rule inet hawser forward handle ' +
      "$(nft -a list chain inet hawser forward | awk '/handle/ {print $NF}' | row)",
  ],
  ['host', 'gateway deleted', 'ip link del hawser_gw'],
  ['host', 'gateway down', 'ip link set hawser_gw down'],
  ['host', 'setting flipped', 'sysctl -w net.ipv4.ip_forward=0'],
];

export const DAMAGES: readonly Damage[] = TABLE.map(([where, name, script]) => ({
  name: `${where}: ${name}`,
  where,
  script: PRELUDE + script,
}));

/** Prints what a namespace holds, without what is new after each repair. */
export const FINGERPRINT =
  "ip -o link | sed -E 's/^[0-9]+: //; s/@[^:]*//; s/link-netns.*//; s/state.*mode/mode/; " +
  "s/,?NO-CARRIER//; s/ether [0-9a-f:]+//' | grep -v '^eth0.*host' | sort; " +
  "ip -o -4 addr | awk '{print $2,$4}' | sort; ip route show table all type unicast | sort; " +
  'ip rule; ip neigh show nud permanent | sort; ' +
  // Rows that nobody wrote: learned ones, and the links' own.
  "bridge fdb show | grep 'static\\|dst' | sort; " +
  // Counters go on, and a resolver of a new agent has other ports.
  "nft -s -t list ruleset | sed -E 's/(set|sport) [0-9]+/\\1 N/g; s/comment.*//; " +
  "s/packets [0-9]+ bytes [0-9]+//'; " +
  'nft list maps; sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter ' +
  'net.ipv4.conf.all.arp_ignore net.ipv4.icmp_echo_ignore_all';
