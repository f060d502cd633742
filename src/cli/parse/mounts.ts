/** `--mount type=volume,source=data,target=/data[,readonly]`. */
import type { Mount } from '../../model/index.ts';
import { usageError } from '../errors.ts';
import { parseBytes } from './quantities.ts';
import { parseFields, parseOneOf } from './words.ts';

const FLAG = '--mount';
const TYPES = ['bind', 'volume', 'tmpfs'] as const;
/** Docker's synonyms. */
const SYNONYMS: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
};

export function parseMount(text: string): Mount {
  const fields = new Map(
    [...parseFields(FLAG, text)].map(([key, value]) => [SYNONYMS[key] ?? key, value]),
  );
  for (const key of fields.keys()) {
    if (!['type', 'source', 'target', 'readonly', 'tmpfs-size', 'tmpfs-mode'].includes(key)) {
      throw usageError(FLAG, `it has no field "${key}"`);
    }
  }
  const Target = fields.get('target');
  if (Target === undefined) throw usageError(FLAG, `"${text}" names no target`);
  const Source = fields.get('source');
  const size = fields.get('tmpfs-size');
  const mode = fields.get('tmpfs-mode');
  const tmpfs = {
    ...(size === undefined ? {} : { SizeBytes: parseBytes(FLAG, size) }),
    ...(mode === undefined ? {} : { Mode: Number.parseInt(mode, 8) }),
  };
  return {
    Type: parseOneOf(`${FLAG} type`, fields.get('type') ?? 'volume', TYPES),
    Target,
    ...(Source === undefined ? {} : { Source }),
    ...(['true', '1'].includes(fields.get('readonly') ?? '') ? { ReadOnly: true } : {}),
    ...(Object.keys(tmpfs).length === 0 ? {} : { TmpfsOptions: tmpfs }),
  };
}
