/**
 * Middlewares that everyone has (a cookie parser, a session, a logger, passport) read credentials for every
 * page, whether or not the page uses them. `quiet(middleware)` says so: from its call to its `next()`, and
 * inside what it hooks into the response, its reads do not count, while what it put on the request is
 * watched from then on.
 */
import { argumentError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'
import { noteQuietly, ownNames, watchOf } from './credentials.ts'

type AnyFunction = (...args: never[]) => unknown

const PATCHED = ['writeHead', 'write', 'end', 'setHeader'] as const

/**
 * Wraps a middleware of connect and Express (`(req, res, next)`), Koa or Hono (`(context, next)`), or a
 * Fastify plugin (`(instance, options, done)`). A middleware that answers by itself, without `next()`, is a
 * handler like any other: then its reads count.
 *
 * A language detector made quiet needs `localeOf`.
 *
 * @throws {TypeError} code `INVALID_MIDDLEWARE`.
 */
export function quiet<M extends AnyFunction>(middleware: M): M {
  if (typeof middleware !== 'function') {
    throw argumentError(
      TypeError,
      'INVALID_MIDDLEWARE',
      `quiet() takes a middleware or a Fastify plugin, not ${kindOf(middleware)}`,
    )
  }
  const run = middleware as unknown as (...args: unknown[]) => unknown
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    const [first] = args
    if (isInstance(first)) return run.call(this, quietInstance(first), ...args.slice(1))
    return runQuietly(run, this, args)
  }
  // Frameworks tell error handlers by the number of arguments, and Fastify its plugins by symbols.
  Object.defineProperty(wrapped, 'length', { value: middleware.length })
  Object.defineProperty(wrapped, 'name', { value: middleware.name })
  for (const symbol of Object.getOwnPropertySymbols(middleware)) {
    Object.defineProperty(wrapped, symbol, Object.getOwnPropertyDescriptor(middleware, symbol)!)
  }
  return wrapped as unknown as M
}

function runQuietly(run: (...args: unknown[]) => unknown, self: unknown, args: unknown[]): unknown {
  const requests = requestsOf(args[0])
  const watch = requests.map(watchOf).find((found) => found !== undefined)
  const before = requests.map(ownNames)
  const response = responseOf(args)
  const methods = response && PATCHED.map((name) => response[name])
  const next = args.at(-1)
  const over = () => {
    if (response && methods) hushPatches(requests, response, methods)
    watch?.loud()
    requests.forEach((request, i) => {
      noteQuietly(request, before[i]!)
    })
  }
  watch?.hush()
  if (typeof next !== 'function' || takesNoCallback(run, args)) {
    // A hook without a callback is over when it returns, or its promise does.
    const done = run.apply(self, args)
    if (!(done instanceof Promise)) over()
    return done instanceof Promise ? done.finally(() => isSent(args[1]) || over()) : done
  }
  const go = (...given: unknown[]): unknown => {
    over()
    const rest: unknown = next(...given)
    // In Koa and Hono the middleware goes on when everything behind it is done.
    if (watch && rest instanceof Promise && args.length === 2) {
      return rest.finally(() => {
        watch.deafen()
        deaf = true
      })
    }
    return rest
  }
  let deaf = false
  const done = run.apply(self, [...args.slice(0, -1), go])
  if (!(done instanceof Promise)) return done
  return done.finally(() => {
    if (deaf) watch?.hear()
  })
}

/** An asynchronous hook of Fastify's, which is handed a callback all the same. */
function takesNoCallback(run: (...args: unknown[]) => unknown, args: readonly unknown[]): boolean {
  return (
    run.length < args.length && typeof (args[1] as { hijack?: unknown } | undefined)?.hijack === 'function'
  )
}

/** It has answered by itself. */
function isSent(reply: unknown): boolean {
  return (reply as { sent?: unknown } | undefined)?.sent === true
}

/** What it hooked into the response is as quiet as itself. */
function hushPatches(
  requests: readonly object[],
  response: Record<string, unknown>,
  before: readonly unknown[],
): void {
  PATCHED.forEach((name, i) => {
    const patch = response[name]
    if (patch === before[i] || typeof patch !== 'function') return
    response[name] = function (this: unknown, ...args: unknown[]) {
      const watch = requests.map(watchOf).find((found) => found !== undefined)
      watch?.deafen()
      try {
        return patch.apply(this, args)
      } finally {
        watch?.hear()
      }
    }
  })
}

/** The objects that middlewares put things on: a request, and a context's or Fastify's own beside it. */
function requestsOf(first: unknown): object[] {
  if (typeof first !== 'object' || first === null) return []
  const { req, raw, request } = first as { req?: unknown; raw?: unknown; request?: unknown }
  return [first, req, raw, request].filter(
    (found): found is object => typeof found === 'object' && found !== null,
  )
}

function responseOf([first, second]: unknown[]): Record<string, unknown> | undefined {
  const own = (first as { res?: unknown } | undefined)?.res
  for (const found of [second, (second as { raw?: unknown } | undefined)?.raw, own]) {
    if (typeof (found as { writeHead?: unknown } | undefined)?.writeHead === 'function') {
      return found as Record<string, unknown>
    }
  }
  return undefined
}

interface Instance {
  addHook(name: string, hook: (...args: unknown[]) => unknown): unknown
  decorateRequest: unknown
}

function isInstance(value: unknown): value is Instance {
  if (typeof value !== 'object' || value === null) return false
  const { addHook, decorateRequest } = value as Partial<Instance>
  return typeof addHook === 'function' && typeof decorateRequest === 'function'
}

const REQUEST_HOOKS: ReadonlySet<string> = new Set([
  'onRequest',
  'preParsing',
  'preValidation',
  'preHandler',
  'preSerialization',
  'onSend',
])

/** Its hooks are the plugin's middlewares. */
function quietInstance(instance: Instance): Instance {
  return new Proxy(instance, {
    get(target, name, receiver) {
      if (name !== 'addHook') return Reflect.get(target, name, receiver)
      return (hook: string, act: (...args: unknown[]) => unknown) => {
        target.addHook(hook, REQUEST_HOOKS.has(hook) ? quiet(act) : act)
        return receiver
      }
    },
  })
}
