/**
 * What an adapter and the page cache say to each other: a visit comes in, a reply or an exchange goes out.
 * An adapter holds no rule: it brings the request, does to it and to the response what the exchange says,
 * and tells what the handler sent.
 */
import type { Watch } from './credentials.ts'
import type { Fields } from './policy/fields.ts'
import type { Scheme } from './policy/page-key.ts'
import type { PageRules } from './policy/page-rules.ts'

/** A request, as an adapter brings it. */
export interface Visit<R = unknown> {
  /** The framework's request, for the site's own functions. */
  readonly request: R
  readonly method: string
  /** Path and query as received. */
  readonly target: string
  readonly scheme: Scheme
  /** The Host field as the handler sees it; a list where there are several lines. */
  readonly host: string | readonly string[] | undefined
  readonly fields: Fields
  /**
   * The framework trusts the proxy that it comes from; `'applied'`: and what that forwards is in `scheme` and
   * `host` already. Left out: `trustedProxy` says it.
   */
  readonly trusted?: boolean | 'applied'
  /** A page made anew behind a visitor's back: nothing is served, the handler is asked. */
  readonly refresh?: boolean
  /**
   * Has the route run again for a GET with these fields, and resolves when its response has ended. Left out where the
   * framework cannot: then no page is served stale.
   */
  readonly rerun?: (fields: Fields) => Promise<void>
}

/** An answer of ours, to be sent as it is. */
export interface Reply {
  readonly status: number
  /** Names and values in turn. */
  readonly lines: readonly string[]
  /** `undefined`: none is sent (HEAD, 304). */
  readonly body: Buffer | undefined
}

/** What to do with the response that the handler gives. */
export type Verdict =
  /** Goes out as it comes, with these fields set, once `after` is over. */
  | {
      readonly do: 'send'
      readonly set: Fields
      readonly after?: Promise<unknown>
      /** Its body is wanted: `chunk` and `end` are to be called. Else they may be. */
      readonly kept?: boolean
    }
  /** The client has it already: 304, without the body and with what `staysIn304` alone. */
  | { readonly do: 'not-modified'; readonly set: Fields }
  /** Nothing of it goes out: this does, now; what comes is still told. */
  | { readonly do: 'replace'; readonly reply: Reply }
  /** Nothing goes out before `end`, which has the reply. What is too large to be held goes out as it comes, with these fields. */
  | { readonly do: 'gather'; readonly set: Fields }

/** What a route decides for itself. */
export interface RouteRules {
  readonly rules: PageRules
  readonly trustedRules: PageRules
}

/** One response of the handler. */
export interface Exchange {
  /** To change in the request that the handler sees; `undefined` is taken out. */
  readonly changes: Fields | undefined
  /** Watches what the handler reads. */
  readonly watch: Watch | undefined
  /**
   * The status and all fields as they are about to leave; the whole body, where it is known already. `own`: the fields
   * that were set before the lookup. They are this visit's own, and another's hit comes with its own ones.
   */
  head(status: number, fields: Fields, whole?: Buffer, own?: Fields): Verdict
  /** A piece of the body. `false`: it has become too large to be held. */
  chunk(bytes: Buffer): boolean
  /** The response has ended as it should. What to send in place of what was gathered. */
  end(): Reply | undefined
  /** A route's own rules, where it keeps its pages in the same place: `true` when it need not record for itself. */
  adopt?(place: object, rules: RouteRules): boolean
  /** It will never end: the handler threw (before a head: there may be a reply all the same), or the client left. */
  fail(): Reply | undefined
}

/** What becomes of a visit. */
export type Course =
  | { readonly do: 'reply'; readonly reply: Reply }
  | { readonly do: 'handle'; readonly exchange: Exchange }
