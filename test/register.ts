/**
 * L1: is what many clients saw of one key what a register would have shown them? A cache may forget, so a miss proves
 * nothing; but a value that was read must have been written, and not overwritten or deleted before the read began.
 *
 * Every write has a value of its own, and then it need not be searched for an order of all operations: the times in which each
 * value must have been the one that rested tell (Gibbons and Korach, 1997), for histories of any length.
 */
export interface Operation {
  key: string
  kind: 'set' | 'delete' | 'get'
  /** Written or read; of a `delete`, and of a `get` that missed, `undefined`. */
  value: string | undefined
  /** Nanoseconds of one clock, the same for all processes. */
  start: number
  /** `Infinity` for a write that was never answered. */
  end: number
}

/** When a value must have rested (`forward`), or may have for as short as an instant. */
interface Zone {
  from: number
  until: number
  forward: boolean
  what: string
}

/** What no register would have shown, in words. */
export function violations(history: readonly Operation[]): string[] {
  const keys = grouped(history, ({ key }) => key)
  return [...keys].flatMap(([key, operations]) => violationsOf(operations).map((what) => `${key}: ${what}`))
}

function violationsOf(operations: readonly Operation[]): string[] {
  const found: string[] = []
  const reads = grouped(
    operations.filter(({ kind, value }) => kind === 'get' && value !== undefined),
    ({ value }) => value,
  )
  const zones: Zone[] = []
  for (const write of operations) {
    if (write.kind === 'get') continue
    const cluster = [write, ...(write.kind === 'set' ? (reads.get(write.value) ?? []) : [])]
    if (write.kind === 'set') reads.delete(write.value)
    const firstEnd = Math.min(...cluster.map(({ end }) => end))
    const lastStart = Math.max(...cluster.map(({ start }) => start))
    if (cluster.some(({ end }) => end < write.start))
      found.push(`${write.value} was read before it was written`)
    const forward = firstEnd < lastStart
    const what = write.kind === 'set' ? `${write.value}` : 'a delete'
    zones.push(
      forward
        ? { from: firstEnd, until: lastStart, forward, what }
        : { from: lastStart, until: firstEnd, forward, what },
    )
  }
  for (const value of reads.keys()) found.push(`${value} was read and never written`)
  return [...found, ...contradictions(zones)]
}

/** No two values can have had to rest at one time, and nothing was written wholly within the time of another. */
function contradictions(zones: Zone[]): string[] {
  const found: string[] = []
  zones.sort((a, b) => a.from - b.from)
  let latest: Zone | undefined
  for (const zone of zones) {
    if (latest && (zone.forward ? zone.from < latest.until : zone.until < latest.until)) {
      found.push(`${latest.what} was read though ${zone.what} had come after it`)
    }
    if (zone.forward && (!latest || zone.until > latest.until)) latest = zone
  }
  return found
}

function grouped<K>(operations: readonly Operation[], by: (operation: Operation) => K): Map<K, Operation[]> {
  const groups = new Map<K, Operation[]>()
  for (const operation of operations) {
    const group = groups.get(by(operation))
    if (group) group.push(operation)
    else groups.set(by(operation), [operation])
  }
  return groups
}

export interface Register {
  get(key: string): Promise<string | undefined>
  set(key: string, value: string): Promise<unknown>
  delete(key: string): Promise<unknown>
}

/** What so many clients at once saw, each doing so many operations on a few keys. */
export async function play(cache: Register, clients: number, times: number, keys = 5): Promise<Operation[]> {
  const history: Operation[] = []
  const now = () => Number(process.hrtime.bigint())
  const client = async (id: number) => {
    for (let i = 0; i < times; i++) {
      const key = `k${Math.floor(Math.random() * keys)}`
      const dice = Math.random()
      const start = now()
      if (dice < 0.6) {
        const value = await cache.get(key)
        history.push({ key, kind: 'get', value, start, end: now() })
      } else if (dice < 0.9) {
        const value = `${process.pid}.${id}.${i}`
        await cache.set(key, value)
        history.push({ key, kind: 'set', value, start, end: now() })
      } else {
        await cache.delete(key)
        history.push({ key, kind: 'delete', value: undefined, start, end: now() })
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, id) => client(id)))
  return history
}
