declare module 'http-cache-semantics' {
  type Headers = Record<string, string>
  /** What the second opinion is asked here, no more. */
  export default class CachePolicy {
    constructor(
      request: { method: string; url: string; headers: Headers },
      response: { status: number; headers: Headers },
      options?: { shared?: boolean; cacheHeuristic?: number },
    )
    now(): number
    storable(): boolean
    age(): number
    maxAge(): number
    evaluateRequest(request: { method: string; url: string; headers: Headers }): { response?: unknown }
  }
}
