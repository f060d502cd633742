/** Whether two JSON-safe values say the same; a field that is `undefined` is as good as absent. */
export function isSameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object') return false;
  if (one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  if (Array.isArray(one)) return isSameArray(one, other as unknown[]);
  return isSameRecord(one as Record<string, unknown>, other as Record<string, unknown>);
}

function isSameArray(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, index) => isSameJson(item, other[index]));
}

function isSameRecord(one: Record<string, unknown>, other: Record<string, unknown>): boolean {
  for (const key of Object.keys(one)) if (!isSameJson(one[key], other[key])) return false;
  for (const key of Object.keys(other))
    if (other[key] !== undefined && one[key] === undefined) return false;
  return true;
}
