import type { Refusal } from '../commands.ts';

export function refuse(code: Refusal['code'], message: string): Refusal {
  return { code, message };
}

export const OUT_OF_SEQUENCE: Refusal = refuse('out-of-sequence', 'update out of sequence');
