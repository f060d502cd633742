/**
 * The part of Go templates that scripts use with `--format`: `{{.Field.Path}}`, `{{json .Field}}`,
 * and text around them. Anything else is refused, rather than printed wrong.
 */
import { usageError } from '../errors.ts';

const ACTION = /\{\{\s*(?<body>[^}]*?)\s*\}\}/g;
const PATH = /^(?<json>json\s+)?\.(?<path>[\w.]*)$/;

export function renderTemplate(template: string, value: unknown): string {
  return template
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
    .replaceAll(ACTION, (_action: string, body: string) => {
      const groups = PATH.exec(body)?.groups;
      if (groups === undefined) {
        throw usageError(
          '--format',
          `"{{${body}}}" is not supported; use {{.Field}} or {{json .}}`,
        );
      }
      const found = lookup(value, groups['path'] ?? '');
      return groups['json'] === undefined ? plain(found) : JSON.stringify(found ?? null);
    });
}

function lookup(value: unknown, path: string): unknown {
  const fields = path.split('.').filter((field) => field !== '');
  return fields.reduce<unknown>((inner, field) => {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, field)) {
      throw usageError('--format', `there is no field "${field}" in .${path}`);
    }
    return (inner as Record<string, unknown>)[field];
  }, value);
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined ? '<no value>' : JSON.stringify(value);
}
