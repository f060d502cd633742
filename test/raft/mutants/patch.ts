/** Undoes what was planted. */
export type Restore = () => void;

/** Replaces a method or getter of a class until restored; private ones by name. */
export function patch(
  prototype: object,
  name: string,
  make: (original: never) => unknown,
): Restore {
  const before: PropertyDescriptor | undefined = Object.getOwnPropertyDescriptor(prototype, name);
  if (before === undefined) throw new Error(`${name} is not there to be patched`);
  const original: unknown = 'get' in before ? Reflect.get(before, 'get') : before.value;
  const replacement = make(original as never);
  const key = before.get === undefined ? 'value' : 'get';
  Object.defineProperty(prototype, name, { ...before, [key]: replacement });
  return () => Object.defineProperty(prototype, name, before);
}

export function patchAll(...restores: readonly Restore[]): Restore {
  return () => {
    for (const restore of restores) restore();
  };
}
