/**
 * From a request to its handler: version prefix, query, names with slashes, and find-my-way for the
 * rest.
 */
import createRouter from 'find-my-way';
import { badRequest, notFound } from './errors.ts';
import type { Handler, Route } from './exchange.ts';
import { parseVersionedPath } from './version.ts';

/** Longest path parameter: an image name with its digest is far below. */
const PARAM_CHARACTERS_MAX = 1_024;

export interface Match {
  readonly minor: number;
  readonly query: URLSearchParams;
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly handle: Handler;
}

export class Router {
  private readonly router = createRouter({ maxParamLength: PARAM_CHARACTERS_MAX });

  constructor(routes: readonly Route[]) {
    for (const { method, path, handle } of routes) {
      this.router.on(method, path, () => undefined, { handle });
    }
  }

  /** Throws `ApiError` when the version, the path or the query is not understood. */
  match(method: string, url: string): Match {
    const at = url.indexOf('?');
    const { minor, path } = parseVersionedPath(at < 0 ? url : url.slice(0, at));
    const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
    const found = this.find(method, encodeImageName(path));
    if (found === null) throw notFound('page not found');
    const store = found.store as { readonly handle: Handler };
    return { minor, query, params: found.params, handle: store.handle };
  }

  private find(method: string, path: string): ReturnType<typeof this.router.find> {
    try {
      decodeURIComponent(path);
    } catch (error) {
      throw badRequest('malformed path: bad percent encoding', error);
    }
    return this.router.find(method as 'GET', path);
  }
}

/** Image names hold slashes; the routes below take them as one parameter. */
function encodeImageName(path: string): string {
  const match =
    /^\/(images|distribution)\/(.+?)(\/(?:json|history|push|tag|get))?$/.exec(path) ?? undefined;
  if (!match?.[2]?.includes('/')) return path;
  return `/${match[1] as string}/${match[2].replaceAll('/', '%2F')}${match[3] ?? ''}`;
}
