/** Documents of services that tests of their validation start from. */

/** A document that is fine, with parts replaced. */
export function document(change: Record<string, unknown> = {}): Record<string, unknown> {
  return { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'busybox' } }, ...change };
}

export function withTask(change: Record<string, unknown>): Record<string, unknown> {
  return document({ TaskTemplate: { ContainerSpec: { Image: 'busybox' }, ...change } });
}

export function withContainer(change: Record<string, unknown>): Record<string, unknown> {
  return document({ TaskTemplate: { ContainerSpec: { Image: 'busybox', ...change } } });
}

export function withPorts(...ports: readonly object[]): Record<string, unknown> {
  return document({ EndpointSpec: { Ports: ports } });
}
