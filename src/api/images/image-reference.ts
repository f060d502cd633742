/** Image names as people type them and as Docker prints them. */

/**
 * `docker.io/library/busybox` -> `busybox:latest`; names with a tag or digest keep it; ids stay as
 * they are.
 */
export function familiarReference(reference: string): string {
  const [name = '', digest] = reference.split('@', 2);
  const short = name.replace(/^(?:index\.)?docker\.io\/(?:library\/)?/, '');
  const hasTag = /:[^/:]+$/.test(short);
  if (digest !== undefined) return `${short}@${digest}`;
  return hasTag ? short : `${short}:latest`;
}

/** Splits `registry:5000/team/app:1.2` into its name and tag. */
export function splitTag(reference: string): { readonly name: string; readonly tag: string } {
  const at = reference.lastIndexOf(':');
  if (at <= reference.lastIndexOf('/')) return { name: reference, tag: '' };
  return { name: reference.slice(0, at), tag: reference.slice(at + 1) };
}
