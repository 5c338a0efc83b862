/**
 * A value of a cache as JSON can say it. JSON has no Date, Map, bigint, bytes or cycles: they are told as what a reader would
 * expect (ISO time, pairs, digits, base64), and then the view says that it is not exact.
 */
export interface JsonView {
  readonly value: unknown
  /** Would `JSON.parse` give the value back? */
  readonly exact: boolean
}

export function jsonView(value: unknown): JsonView {
  let exact = true
  const told = (text: unknown) => {
    exact = false
    return text
  }
  const within = new Set<object>()

  function view(part: unknown): unknown {
    switch (typeof part) {
      case 'number':
        return Number.isFinite(part) && !Object.is(part, -0)
          ? part
          : told(String(Object.is(part, -0) ? '-0' : part))
      case 'bigint':
        return told(String(part))
      case 'undefined':
        return told(null)
      case 'object':
        return part === null ? null : inside(part)
      case 'function':
      case 'symbol':
        return told(`[${typeof part}]`)
      default:
        return part
    }
  }

  function inside(part: object): unknown {
    if (within.has(part)) return told('[circular]')
    within.add(part)
    try {
      return members(part)
    } finally {
      within.delete(part)
    }
  }

  function members(part: object): unknown {
    // A hole is no undefined, but neither is either of them JSON.
    if (Array.isArray(part)) return Array.from(part, view)
    if (part instanceof Date) return told(Number.isNaN(part.getTime()) ? 'Invalid Date' : part.toISOString())
    if (part instanceof Map) return told(Array.from(part, ([key, value]) => [view(key), view(value)]))
    if (part instanceof Set) return told(Array.from(part, view))
    if (part instanceof ArrayBuffer) return told(Buffer.from(part).toString('base64'))
    if (ArrayBuffer.isView(part)) {
      return told(Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('base64'))
    }
    const prototype = Object.getPrototypeOf(part)
    if (prototype !== Object.prototype && prototype !== null) told(part)
    if (part instanceof RegExp || part instanceof URL) return String(part)
    if (part instanceof Error) return `${part.name}: ${part.message}`
    return Object.fromEntries(Object.entries(part).map(([name, member]) => [name, view(member)]))
  }

  const viewed = view(value)
  return { value: viewed, exact }
}
