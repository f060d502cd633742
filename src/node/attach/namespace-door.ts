/** What attaching needs of the kernel beside the plan, and what can be wrong with a namespace. */
import { cidrOverlaps, tryParseCidr } from '../../base/index.ts';
import type { NamespaceName } from '../../dataplane/index.ts';
import type { JoinProblem } from '../../kernel/index.ts';
import { NodeError } from '../errors.ts';

export interface NamespaceDoor {
  /** Names the namespace at the path while it lives; `undefined` when there is none. */
  identity(path: string): string | undefined;
  /** Whether it is one that this agent made, or works in. */
  isOwn(identity: string): boolean;
  /** Holds the namespace at the path under the name, or says why not. */
  join(name: NamespaceName, path: string): Promise<JoinProblem | undefined>;
  /** Likewise, for one that holds what is ours already. */
  rejoin(name: NamespaceName, path: string): Promise<JoinProblem | undefined>;
  /** Where others' links of a namespace that is held lead to; the default route is left out. */
  foreignDestinations(name: NamespaceName): readonly string[];
}

export function joinError(problem: JoinProblem, path: string): NodeError {
  return new NodeError({ code: problem, path }, JOIN_TEXTS[problem](JSON.stringify(path)));
}

const JOIN_TEXTS: Readonly<Record<JoinProblem, (path: string) => string>> = {
  'not-a-namespace': (path) =>
    `${path} is not a network namespace: give a path such as /run/netns/NAME or ` +
    '/proc/PID/ns/net',
  own: (path) => `${path} is the node's own namespace, or one that Hawser made: choose another`,
  occupied: (path) =>
    `${path} has links or tables called hawser already: detach it where it was attached, ` +
    'or stop the agent that works in it',
};

/** The first of the prefixes that has addresses in common with one of the others. */
export function overlapOf(
  prefixes: readonly string[],
  others: readonly string[],
): string | undefined {
  const taken = others.flatMap((text) => tryParseCidr(text) ?? []);
  return prefixes.find((text) => {
    const prefix = tryParseCidr(text);
    return prefix !== undefined && taken.some((other) => cidrOverlaps(prefix, other));
  });
}
