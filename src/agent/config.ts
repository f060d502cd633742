import { AgentError } from './errors.ts';

/**
 * What an agent is started with. Every field has a flag and a key of the config file of the same
 * words.
 */
export interface AgentConfig {
  /** Survives reboots: identity, log, images, volumes. */
  readonly dataDirectory: string;
  /** Goes with a reboot: sockets, namespaces, sandboxes. */
  readonly runDirectory: string;
  /** `unix:///path` */
  readonly api: string;
  /** `IP:port` of the cluster listener. */
  readonly listenAddress: string;
  /** `IP|IFACE[:PORT]`: used by `swarm init` and `join` when they name none. */
  readonly advertiseAddress?: string;
  /** `IP|IFACE`: the VXLAN endpoint; default the advertise address. */
  readonly dataPathAddress?: string;
  readonly gossipPort: number;
  /** `IP:port` of /metrics; empty: none. */
  readonly metricsAddress: string;
  readonly runtime: 'auto' | 'oci' | 'docker' | 'none';
  readonly lb: 'auto' | 'nftables' | 'ipvs' | 'ebpf';
  readonly firewall: 'auto' | 'nftables' | 'iptables';
  readonly overlay: 'auto' | 'vxlan' | 'userspace';
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'json' | 'pretty';
  /** Images; may be shared by several agents of one machine. Default `<data-dir>/images`. */
  readonly imageDirectory?: string;
  /** Prefix of `hawser_gw`; default the first local pool without a route. */
  readonly gatewayPrefix?: string;
  /** The host's resolver configuration. */
  readonly resolvConf: string;
}

/** Refuses what this version cannot do yet. Throws `AgentError` `unsupported`. */
export function requireSupported(config: AgentConfig): void {
  const choices: readonly [string, string, readonly string[]][] = [
    ['--runtime', config.runtime, ['auto', 'oci', 'none']],
    ['--lb', config.lb, ['auto', 'nftables']],
    ['--firewall', config.firewall, ['auto', 'nftables']],
    ['--overlay', config.overlay, ['auto', 'vxlan']],
  ];
  for (const [option, value, supported] of choices) {
    if (supported.includes(value)) continue;
    throw new AgentError(
      { code: 'unsupported', option, value },
      `${option} ${value} is not in this version of Hawser: use one of ${supported.join(', ')}`,
    );
  }
}
