/** From what a node knows to what its kernel should hold. */
import type { NetworkId } from '../model/index.ts';
import { BackendLists, type Balancing } from './balancer/balancer.ts';
import { NftablesBalancer } from './balancer/nftables.ts';
import { EndpointIndex } from './endpoint-index.ts';
import { isSame } from './diff/same.ts';
import { hostObjects } from './egress/host.ts';
import { joinedObjects, sandboxObjects } from './egress/sandbox.ts';
import { ingressObjects } from './ingress/namespace.ts';
import { isPlannedNamespace, overlayNamespace } from './names.ts';
import {
  HOST_NAMESPACE,
  objectKey,
  type KernelObject,
  type NamespaceName,
  type Plan,
} from './objects.ts';
import { OverlayPlanner, type OverlayScene } from './overlay/overlay.ts';
import { PATH_NAMESPACE, pathObjects } from './path/objects.ts';
import { vipTables } from './overlay/vips.ts';
import { sceneOf, type PlanInput, type Scene } from './scene.ts';

/** One plan, from nothing. Equal inputs make equal plans, whatever order their rows are in. */
export function plan(input: PlanInput): Plan {
  return new Planner().plan(input);
}

/**
 * Makes one plan after another and remembers the parts, so that what did not change is the same
 * object as before: who compares plans has little to look at. The plans themselves do not depend
 * on what came earlier.
 */
export class Planner {
  private readonly endpoints = new EndpointIndex();
  private readonly overlays = new OverlayPlanner();
  private readonly backends = new BackendLists();
  private balancers = new Map<NetworkId, NftablesBalancer>();
  private previous: ReadonlyMap<NamespaceName, Kept> = new Map();

  plan(input: PlanInput): Plan {
    const scene = sceneOf(input, this.endpoints);
    const next = new Map<NamespaceName, Parts>();
    next.set(HOST_NAMESPACE, alone(hostObjects(scene)));
    const balancers = new Map<NetworkId, NftablesBalancer>();
    for (const overlay of overlaysOf(scene)) {
      const { networkId } = overlay.network;
      const balancer = this.balancers.get(networkId) ?? new NftablesBalancer();
      balancers.set(networkId, balancer);
      next.set(
        overlayNamespace(networkId),
        this.overlay(overlay, { balancer, backends: this.backends }),
      );
    }
    if (scene.self !== undefined && input.local.isProbing === true && scene.view.peers.size > 1)
      next.set(PATH_NAMESPACE, alone(pathObjects(scene, scene.self)));
    this.balancers = balancers;
    for (const { namespace } of input.local.sandboxes) next.set(namespace, alone([]));
    for (const place of scene.places)
      next.set(place.sandbox.namespace, alone(sandboxObjects(scene, place)));
    for (const place of scene.joints)
      next.set(place.joint.namespace, alone(joinedObjects(scene, place)));
    this.previous = keepSame(this.previous, next);
    return new Map([...this.previous].map(([name, { list }]) => [name, list]));
  }

  private overlay(overlay: OverlayScene, balancing: Balancing): Parts {
    const { scene, network } = overlay;
    const own = this.overlays.objects(overlay);
    if (network.isIngress) own.push(...ingressObjects(scene, network, balancing));
    else own.push(...vipTables(overlay, balancing));
    return { own, rows: this.overlays.remoteRows(overlay) };
  }
}

/**
 * Networks with an endpoint here, and the ingress network: any node may be asked for a published
 * port.
 */
function overlaysOf(scene: Scene): OverlayScene[] {
  const { self } = scene;
  if (self === undefined) return [];
  return [...scene.view.networks.values()]
    .filter(({ networkId, isIngress }) => isIngress || scene.plugs.has(networkId))
    .map((network) => ({ scene, network, self }));
}

/** The objects of a namespace, in the order of its list. */
interface Parts {
  /** Made anew for each plan. */
  readonly own: KernelObject[];
  /** Rows of remote endpoints: many, and the same list while they are the same. */
  readonly rows: readonly KernelObject[];
}

interface Kept extends Parts {
  readonly list: readonly KernelObject[];
}

function alone(own: KernelObject[]): Parts {
  return { own, rows: [] };
}

/** The new plan with the old one's objects where they are equal, and its lists where all are. */
function keepSame(
  previous: ReadonlyMap<NamespaceName, Kept>,
  next: ReadonlyMap<NamespaceName, Parts>,
): Map<NamespaceName, Kept> {
  const kept = new Map<NamespaceName, Kept>();
  for (const [name, { own, rows }] of next) {
    const old = previous.get(name);
    keepEqual(old?.own ?? [], own);
    const isSameList = old !== undefined && isSameItems(old.own, own) && isSameRows(old.rows, rows);
    kept.set(name, isSameList ? old : { own, rows, list: own.concat(rows) });
  }
  return kept;
}

function isSameItems(old: readonly KernelObject[], objects: readonly KernelObject[]): boolean {
  return old.length === objects.length && objects.every((object, at) => object === old[at]);
}

function isSameRows(old: readonly KernelObject[], rows: readonly KernelObject[]): boolean {
  return old === rows || isSameItems(old, rows);
}

function keepEqual(old: readonly KernelObject[], objects: KernelObject[]): void {
  const byKey = new Map(old.map((object) => [objectKey(object), object]));
  for (const [at, object] of objects.entries()) {
    if (object === old[at]) continue;
    const known = byKey.get(objectKey(object));
    if (known !== undefined && isSame(known, object) && isSame(object, known)) objects[at] = known;
  }
}

/** Namespaces that plans make and this one does not have. */
export function pruneNamespaces(existing: readonly NamespaceName[], wanted: Plan): NamespaceName[] {
  return existing.filter((name) => isPlannedNamespace(name) && !wanted.has(name));
}
