import { z } from 'zod';
import type { NodeSpec } from '../specs.ts';
import { labels, readDocument, text } from './document.ts';
import { invalid } from './spec-error.ts';

const nodeDocument = z.object({
  Name: text.optional(),
  Labels: labels.default({}),
  Role: text.default(''),
  Availability: text.default(''),
});

/**
 * Reads the body of `POST /nodes/{id}/update`. Role and availability must be there. Throws
 * `SpecError`.
 */
export function parseNodeSpec(json: unknown): NodeSpec {
  const { Name, Labels, Role, Availability } = readDocument(nodeDocument, json);
  const role = Role.toLowerCase();
  if (role !== 'worker' && role !== 'manager')
    throw invalid('Role', 'must be worker or manager', `invalid Role: ${JSON.stringify(Role)}`);
  const availability = Availability.toLowerCase();
  if (availability !== 'active' && availability !== 'pause' && availability !== 'drain')
    throw invalid(
      'Availability',
      'must be active, pause or drain',
      `invalid Availability: ${JSON.stringify(Availability)}`,
    );
  return {
    ...(Name !== undefined && Name !== '' && { Name }),
    Labels,
    Role: role,
    Availability: availability,
  };
}
