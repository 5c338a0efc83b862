/** Pages in Express, 5 and 4. `trust proxy` says whose X-Forwarded fields are believed. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { headerMiddlewares } from '../header-middlewares.ts'
import { type ConnectDoors, connectDoors, type Middleware, onConnect } from '../on-node/connect.ts'
import type { PageCacheOptions } from '../page-options.ts'
import { type PageCaches, Pages } from '../pages.ts'

/** What is looked at of Express's own request. */
export interface ExpressRequest extends IncomingMessage {
  originalUrl: string
  // Express types its applications too widely to be named here.
  app: object
}

interface Application {
  (request: IncomingMessage, response: ServerResponse): unknown
  get(setting: string): unknown
  parent?: Application
}

export function pageCache<R extends ExpressRequest = ExpressRequest>(
  caches: PageCaches,
  options?: PageCacheOptions<R>,
): ConnectDoors<R> {
  const pages = new Pages(caches, options)
  return connectDoors(pages, (request, response) => ({
    request,
    raw: request,
    response,
    target: request.originalUrl,
    site: (again, answer) => rootOf(request)(again, answer),
    trusted: () => isTrusted(request),
  }))
}

/** The application that visitors ask, and not one that it is mounted in. */
function rootOf({ app }: ExpressRequest): Application {
  let root = app as Application
  while (root.parent) root = root.parent
  return root
}

function isTrusted(request: ExpressRequest): boolean {
  const trusts = rootOf(request).get('trust proxy fn')
  return typeof trusts === 'function' && trusts(request.socket.remoteAddress, 0) === true
}

export const { cacheControl, neverCache, varyOnHeaders, varyOnCookie } = headerMiddlewares<
  Middleware<IncomingMessage>
>(onConnect('a header middleware'))
export { conditionalGet } from '../on-node/connect.ts'
export { quiet } from '../quiet.ts'
