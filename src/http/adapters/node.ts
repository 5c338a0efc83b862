/** Pages in front of plain `node:http`, of connect, and, by `wrap`, of any framework that is a `(req, res)` handler. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { headerMiddlewares } from '../header-middlewares.ts'
import { type ConnectDoors, connectDoors, type Middleware, onConnect } from '../on-node/connect.ts'
import { serve } from '../on-node/serve.ts'
import type { PageCacheOptions } from '../page-options.ts'
import { type PageCaches, Pages } from '../pages.ts'

type Request = IncomingMessage & { readonly originalUrl?: string }
type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

export interface NodePageCache<R extends IncomingMessage> extends ConnectDoors<R> {
  /**
   * The page cache in front of a whole site: a hit never enters it. The listener it makes throws and rejects as
   * `handler` does, unless a stale page may stand in.
   */
  wrap(handler: Listener): (request: R, response: ServerResponse) => unknown
}

export function pageCache<R extends IncomingMessage = IncomingMessage>(
  caches: PageCaches,
  options?: PageCacheOptions<R>,
): NodePageCache<R> {
  const pages = new Pages(caches, options)
  return {
    ...connectDoors(pages, (request, response) => {
      return { request, raw: request, response, target: (request as Request).originalUrl }
    }),
    wrap(handler) {
      const { site } = pages
      const listener = (request: R, response: ServerResponse): unknown =>
        serve(site, { request, raw: request, response, site: listener as Listener }, () =>
          handler(request, response),
        )
      return listener
    },
  }
}

export const { cacheControl, neverCache, varyOnHeaders, varyOnCookie } = headerMiddlewares<
  Middleware<IncomingMessage>
>(onConnect('a header middleware'))
export { conditionalGet } from '../on-node/connect.ts'
export { quiet } from '../quiet.ts'
