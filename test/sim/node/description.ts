/** What simulated machines are like. */
import type { NodeDescription } from '../../../src/model/index.ts';
import type { Address } from '../engine/network.ts';
import { GIB } from '../../store/cluster-fixture.ts';

export function descriptionOf(address: Address): NodeDescription {
  return {
    hostname: `host${address}`,
    architecture: 'x86_64',
    os: 'linux',
    nanoCpus: 4e9,
    memoryBytes: 8 * GIB,
    engineVersion: '0.1.0',
    images: [],
  };
}

export function vtepOf(address: Address): string {
  return `198.18.${address >> 8}.${address & 255}`;
}
