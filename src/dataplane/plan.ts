/** From what a node knows to what its kernel should hold. */
import type { NetworkId } from '../model/index.ts';
import { BackendLists, type Balancing } from './balancer/balancer.ts';
import { NftablesBalancer } from './balancer/nftables.ts';
import { EndpointIndex } from './endpoint-index.ts';
import { isSame } from './diff/same.ts';
import { hostObjects } from './egress/host.ts';
import { sandboxObjects } from './egress/sandbox.ts';
import { ingressObjects } from './ingress/namespace.ts';
import { isPlannedNamespace, overlayNamespace } from './names.ts';
import {
  HOST_NAMESPACE,
  objectKey,
  type KernelObject,
  type NamespaceName,
  type ObjectKey,
  type Plan,
} from './objects.ts';
import { OverlayPlanner, type OverlayScene } from './overlay/overlay.ts';
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
  private previous: Plan = new Map();

  plan(input: PlanInput): Plan {
    const scene = sceneOf(input, this.endpoints);
    const next = new Map<NamespaceName, KernelObject[]>();
    next.set(HOST_NAMESPACE, hostObjects(scene));
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
    this.balancers = balancers;
    for (const { namespace } of input.local.sandboxes) next.set(namespace, []);
    for (const place of scene.places)
      next.set(place.sandbox.namespace, sandboxObjects(scene, place));
    this.previous = keepSame(this.previous, next);
    return this.previous;
  }

  private overlay(overlay: OverlayScene, balancing: Balancing): KernelObject[] {
    const { scene, network } = overlay;
    const objects = this.overlays.objects(overlay);
    if (network.isIngress) objects.push(...ingressObjects(scene, network, balancing));
    else objects.push(...vipTables(overlay, balancing));
    return objects;
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

/**
 * The new plan with the objects of the old one where they are equal, and its lists where all are.
 */
function keepSame(previous: Plan, next: ReadonlyMap<NamespaceName, KernelObject[]>): Plan {
  const kept = new Map<NamespaceName, readonly KernelObject[]>();
  for (const [name, objects] of next) {
    const old = previous.get(name) ?? [];
    keepEqual(old, objects);
    const isSameList =
      old.length === objects.length && objects.every((object, at) => object === old[at]);
    kept.set(name, isSameList && previous.has(name) ? old : objects);
  }
  return kept;
}

function keepEqual(old: readonly KernelObject[], objects: KernelObject[]): void {
  const byKey = new Map<ObjectKey, KernelObject>();
  for (const object of old) if (!isRemembered(object)) byKey.set(objectKey(object), object);
  for (const [at, object] of objects.entries()) {
    if (object === old[at] || isRemembered(object)) continue;
    const known = byKey.get(objectKey(object));
    if (known !== undefined && isSame(known, object) && isSame(object, known)) objects[at] = known;
  }
}

/** Rows of remote endpoints are many, and kept by who makes them. */
function isRemembered(object: KernelObject): boolean {
  return object.kind === 'neighbour' || (object.kind === 'fdb' && object.owner === 'self');
}

/** Namespaces that plans make and this one does not have. */
export function pruneNamespaces(existing: readonly NamespaceName[], wanted: Plan): NamespaceName[] {
  return existing.filter((name) => isPlannedNamespace(name) && !wanted.has(name));
}
