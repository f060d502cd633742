declare const brand: unique symbol;

/**
 * A `Value` that only its own codec or parser can make, so that a task's id is never passed for a
 * node's.
 */
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name };
