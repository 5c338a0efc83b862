/**
 * What the handler reads is what the key covers. On a miss the request is watched: whatever reads a cookie
 * or a credential, in whatever way (an absent one and an enumeration count), makes the page one that this
 * credential selects. So a page that read the session is never everyone's, and one that did not stays so for
 * visitors who merely carry cookies.
 *
 * By own properties on the request itself, since frameworks swap the prototypes of requests.
 */

/** Which credentials a property of a request gives away, when a middleware has put it there. */
const COOKIE = ['cookie'] as const
const BOTH = ['cookie', 'authorization'] as const
const PROPERTIES: Readonly<Record<string, readonly string[]>> = {
  cookies: COOKIE,
  signedCookies: COOKIE,
  session: COOKIE,
  sessionID: COOKIE,
  csrfToken: COOKIE,
  auth: BOTH,
  user: BOTH,
  account: BOTH,
  currentUser: BOTH,
}

const FIELDS: ReadonlySet<string> = new Set(['cookie', 'authorization', 'proxy-authorization'])

/** The watch of a request, for those that come after it. */
const watches = new WeakMap<object, Watch>()
/** What quiet middlewares put on requests before anybody watched. */
const putQuietly = new WeakMap<object, Set<string>>()

export function watchOf(request: object): Watch | undefined {
  return watches.get(request)
}

export class Watch {
  readonly #read = new Set<string>()
  /** Every field that was asked for by its name, for those who want to know. */
  readonly #named: Set<string> | undefined
  /** What is read before `next()` of a quiet middleware: counts only if it answers by itself. */
  #aside: Set<string> | undefined
  #deaf = 0
  readonly #guarded: { object: object; name: string; get: () => unknown }[] = []

  /** @param traces notes all fields that are asked for, and not the credentials alone. */
  constructor(traces = false) {
    if (traces) this.#named = new Set()
  }

  /** The fields that were asked for by name, in lower case; none unless it traces. */
  get named(): Iterable<string> {
    return this.#named ?? []
  }

  /** The credentials that were read so far, in lower case. */
  get read(): readonly string[] {
    for (const { object, name, get } of this.#guarded) {
      // Defined over: it can be read without our seeing it.
      if (Object.getOwnPropertyDescriptor(object, name)?.get !== get) this.note(PROPERTIES[name]!)
    }
    return this.#aside ? [...this.#read, ...this.#aside] : [...this.#read]
  }

  /** Something read all fields, by a way that cannot be watched one by one. */
  noteAll(): void {
    this.note(BOTH)
  }

  note(credentials: readonly string[]): void {
    if (this.#deaf > 0) return
    for (const name of credentials) (this.#aside ?? this.#read).add(name)
  }

  /** Something handed on by a middleware was asked for, by its name. */
  noteProperty(name: string): void {
    const credentials = Object.hasOwn(PROPERTIES, name) ? PROPERTIES[name] : undefined
    if (credentials) this.note(credentials)
  }

  /** One field was asked for. */
  noteField(name: string): void {
    const lower = name.toLowerCase()
    if (FIELDS.has(lower)) this.note([lower])
    else if (this.#deaf === 0 && this.#aside === undefined) this.#named?.add(lower)
  }

  /** Until `loud`, reads count only if the request is answered meanwhile. */
  hush(): void {
    this.#aside ??= new Set()
  }

  /** Reads count again; what a quiet middleware put on the request is watched from now on. */
  loud(): void {
    this.#aside = undefined
    for (const guard of this.#guarded.splice(0)) this.#guard(guard.object, guard.name, false)
  }

  /** Until `hear`, reads do not count at all. */
  deafen(): void {
    this.#deaf++
  }

  hear(): void {
    this.#deaf--
  }

  /** Watches the properties by which middlewares hand on what they read. What is there already was read. */
  properties(request: object): void {
    watches.set(request, this)
    for (const name of Object.keys(PROPERTIES)) this.#guard(request, name, true)
  }

  /** For what middlewares hand on in another way: what is there already was read. */
  variables(request: object, get: (name: string) => unknown): void {
    watches.set(request, this)
    for (const name of Object.keys(PROPERTIES)) {
      if ((get(name) ?? null) !== null) this.noteProperty(name)
    }
  }

  /** The fields of a request, watched. */
  fields<T extends object>(fields: T): T {
    const note = (name: string | symbol) => {
      if (typeof name === 'string') this.noteField(name)
    }
    return new Proxy(fields, {
      get: (target, name) => {
        note(name)
        return Reflect.get(target, name)
      },
      has: (target, name) => {
        note(name)
        return Reflect.has(target, name)
      },
      getOwnPropertyDescriptor: (target, name) => {
        note(name)
        return Reflect.getOwnPropertyDescriptor(target, name)
      },
      ownKeys: (target) => {
        this.noteAll()
        return Reflect.ownKeys(target)
      },
    })
  }

  #guard(object: object, name: string, before: boolean): void {
    const own = Object.getOwnPropertyDescriptor(object, name)
    if (own && !own.configurable) {
      this.note(PROPERTIES[name]!)
      return
    }
    let there = own !== undefined
    let value: unknown = own?.value
    const known = putQuietly.get(object)?.has(name)
    if (before && own !== undefined && !known && (own.get !== undefined || (value ?? null) !== null)) {
      this.note(PROPERTIES[name]!)
    }
    const watch = this
    const get = function (this: unknown) {
      watch.note(PROPERTIES[name]!)
      if (own?.get) return own.get.call(this)
      return there ? value : Reflect.get(Object.getPrototypeOf(object), name, this)
    }
    // A setter of the prototype (Koa's) goes on; else it becomes a property like any other.
    const set = function (this: unknown, next: unknown) {
      if (own?.set) own.set.call(this, next)
      else if (!there && hasSetter(Object.getPrototypeOf(object), name)) {
        Reflect.set(Object.getPrototypeOf(object), name, next, this)
      } else {
        value = next
        if (there) return
        there = true
        Object.defineProperty(object, name, { get, set, enumerable: true, configurable: true })
      }
    }
    Object.defineProperty(object, name, {
      get,
      set,
      enumerable: own?.enumerable ?? false,
      configurable: true,
    })
    this.#guarded.push({ object, name, get })
  }
}

function hasSetter(prototype: object | null, name: string): boolean {
  for (let at = prototype; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name)
    if (found) return found.set !== undefined
  }
  return false
}

/**
 * Notes what a quiet middleware put on a request that nobody watches yet, so that a lookup behind it does not
 * take it for read.
 */
export function noteQuietly(request: object, before: ReadonlySet<string>): void {
  const put = putQuietly.get(request) ?? new Set()
  for (const name of ownNames(request)) if (!before.has(name)) put.add(name)
  putQuietly.set(request, put)
}

/** Which of the watched properties a request has. */
export function ownNames(request: object): Set<string> {
  return new Set(Object.keys(PROPERTIES).filter((name) => Object.hasOwn(request, name)))
}
