/** What became different about the paths: said once in the log, and kept for the description. */
import type { Logger } from '../../base/index.ts';
import type { PathReport } from '../../dataplane/index.ts';
import type { NodeId, NodePaths, SettingsRow } from '../../model/index.ts';

/** The cluster takes no more. */
const PROBLEMS_MAX = 16;
const PROBLEM_CHARACTERS_MAX = 500;

export class PathNews {
  private readonly logger: Logger;
  private known = new Set<string>();
  private failure: string | undefined;
  private last: PathReport | undefined;
  private pathMtu: number | undefined;
  private current: NodePaths | undefined;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  get description(): NodePaths | undefined {
    return this.current;
  }

  /** The cluster's path MTU, as this node is told it. */
  settings({ pathMtu }: SettingsRow): void {
    const before = this.pathMtu;
    this.pathMtu = pathMtu;
    if (pathMtu === undefined || pathMtu === before) return;
    const fields = { pathMtu, before };
    if (pathMtu < (before ?? 1500))
      this.logger.warn(
        fields,
        `the narrowest path between nodes has shrunk to ${pathMtu} bytes, and so have overlay ` +
          'networks without an MTU of their own: raise the MTU of the underlay',
      );
    else this.logger.info(fields, `overlay networks use a path MTU of ${pathMtu} bytes`);
  }

  /** Whether the description is another one now. */
  report(report: PathReport, addressOf: (nodeId: NodeId) => string): boolean {
    this.last = report;
    const problems = new Set(
      report.problems.map(({ nodeId, fault, advice }) => {
        return `path to ${addressOf(nodeId)}: ${fault}: ${advice}`.slice(0, PROBLEM_CHARACTERS_MAX);
      }),
    );
    if (this.failure !== undefined) problems.add(this.failure);
    for (const problem of problems) if (!this.known.has(problem)) this.logger.warn({}, problem);
    for (const problem of this.known)
      if (!problems.has(problem)) this.logger.info({}, `no longer so: ${problem}`);
    this.known = problems;
    return this.describe();
  }

  /** This node's own end of the paths is not there. */
  failed(message: string): void {
    const hint = message.includes('EADDRINUSE')
      ? 'another program has the UDP port of the data path (find it with ss -ulpn); stop it, or give the cluster another --data-path-port'
      : 'the way for probes cannot be made';
    const failure = `${hint}: ${message}`.slice(0, PROBLEM_CHARACTERS_MAX);
    if (failure !== this.failure) this.logger.warn({}, failure);
    this.failure = failure;
    this.known.add(failure);
  }

  mended(): void {
    this.failure = undefined;
  }

  private describe(): boolean {
    const { last } = this;
    if (last === undefined || (last.probed === 0 && this.known.size === 0)) return false;
    const next = {
      ...(last.pathMtu !== undefined && { mtu: last.pathMtu }),
      problems: [...this.known].sort().slice(0, PROBLEMS_MAX),
    };
    const isSame = JSON.stringify(next) === JSON.stringify(this.current);
    this.current = next;
    return !isSame;
  }
}
