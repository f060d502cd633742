/** API versions: `1.<minor>`, from 1.24 to 1.51. Paths without a version mean the newest. */
import { badRequest } from './errors.ts';

export const API_MINOR_MIN = 24;
export const API_MINOR_MAX = 51;
export const API_VERSION_MIN = `1.${API_MINOR_MIN}`;
export const API_VERSION_MAX = `1.${API_MINOR_MAX}`;

export interface VersionedPath {
  /** Minor version number: 41 for `/v1.41/…`. */
  readonly minor: number;
  /** The path behind the version prefix, without the query. */
  readonly path: string;
}

/**
 * Splits `/v1.41/nodes` into its version and path. Throws `ApiError` in Docker's words for versions
 * outside.
 */
export function parseVersionedPath(path: string): VersionedPath {
  const match = /^\/v([0-9]{1,5})\.([0-9]{1,5})(\/.*)$/.exec(path);
  if (!match) return { minor: API_MINOR_MAX, path };
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const version = `${major}.${minor}`;
  if (major < 1 || (major === 1 && minor < API_MINOR_MIN)) {
    throw badRequest(
      `client version ${version} is too old. Minimum supported API version is ` +
        `${API_VERSION_MIN}, ` +
        'please upgrade your client to a newer version',
    );
  }
  if (major > 1 || minor > API_MINOR_MAX) {
    throw badRequest(
      `client version ${version} is too new. Maximum supported API version is ${API_VERSION_MAX}`,
    );
  }
  return { minor, path: match[3] as string };
}
