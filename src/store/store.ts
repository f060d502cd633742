/** Replaced by the store room. */
export interface Store {
  readonly revision: number;
}
