/**
 * Culling. The caller of a `set` never waits for a look through a large directory: a census runs behind, one process at a
 * time, and removes what has expired, then the oldest stored. Should writers be quicker than it, each makes room
 * in one of the 256 folders first, which is a few dozen files, and so the tenth above `maxEntries` is never used up.
 * A small cache (up to 1,000) is culled within the `set`, exactly as Django counts: before the entry that is one too many.
 */
import { BUSY, breakIfLost, ifFree, type Lockable, locked, type Seen } from './lock.ts'
import type { Place } from './place.ts'
import { roleOf } from './place.ts'
import type { Store } from './store.ts'
import {
  dropOrphan,
  emptyTrash,
  evict,
  isOver,
  names,
  owners,
  type Pace,
  restingAt,
  STOPPED,
  trash,
  walk,
} from './sweep.ts'
import { drive, type Task } from './task.ts'

const SMALL = 1_000
/** From here on each new entry makes its own room: half of the tenth, the other half is for what other processes just added. */
const BRAKE = 1.05
/** When another process is culling, look again after this, in milliseconds. */
const NEXT_TRY = 100

/** The lock of the one who culls. */
function upkeepOf(store: Store): Lockable {
  const base = `${store.settings.root}/warm-upkeep`
  return { lock: `${base}.lock`, breaking: (which) => `${base}.${which}.breaking` }
}

interface Behind {
  work: Promise<unknown> | undefined
  notBefore: number
  seen: Seen | undefined
}

const behind = new WeakMap<Store, Behind>()

/** What runs behind this store, if anything: for `close`. */
export function underway(store: Store): Promise<unknown> | undefined {
  return behind.get(store)?.work
}

/** Runs a task behind; one at a time for each store. */
export function startBehind(store: Store, make: () => Task<unknown>): void {
  let state = behind.get(store)
  if (!state) {
    state = { work: undefined, notBefore: 0, seen: undefined }
    behind.set(store, state)
  }
  const now = performance.now()
  if (state.work || store.closed || now < state.notBefore) return
  const mine = state
  mine.work = store
    .turn(true)
    .then(() => (store.closed ? undefined : drive(make())))
    .catch((error) => {
      if (error !== STOPPED) store.host.failed('cull', error)
    })
    .then(() => {
      mine.work = undefined
      mine.notBefore = performance.now() + NEXT_TRY
    })
}

/** Takes a slot for one new entry at this place, and frees others when there are too many. */
export function* makeRoom(store: Store, place: Place): Task<void> {
  const { maxEntries } = store.settings
  const others = yield* store.count.take()
  if (store.directory.made) store.count.fresh = false
  if (others < maxEntries && !store.count.fresh && !store.count.long) return
  try {
    if (maxEntries <= SMALL) return yield* cullNow(store)
    startBehind(store, () => alone(store, () => cull(store, 'behind', 0)))
    if (others >= maxEntries * BRAKE) yield* brake(store, place)
  } catch (error) {
    // No reason to refuse the entry that it was for.
    store.host.failed('cull', error)
  }
}

/** Culls before the caller's entry is written, after any other process that does so. */
function* cullNow(store: Store): Task<void> {
  const { io, fixMode } = store
  const root = { io, fixMode, *check() {}, *makeFolders() {} }
  yield* locked<void, Lockable>(root, upkeepOf(store), true, () => cull(store, 'at-once', 1))
}

/** Does the upkeep behind, unless another process is at it. That one may take long, but must be alive. */
function* alone(store: Store, work: () => Task<void>): Task<void> {
  const lock = upkeepOf(store)
  if ((yield* ifFree<void>(store, lock, work)) !== BUSY) return
  const state = behind.get(store)
  const seen = yield* breakIfLost(store.io, lock, state?.seen, Number.POSITIVE_INFINITY)
  if (state) state.seen = seen
}

/** Makes room in one folder: that of the new entry, or where there is nothing to remove, the same of another prefix. */
function* brake(store: Store, place: Place): Task<void> {
  const shard = place.shard.slice(-2)
  for (const owner of [place.owner, ...(yield* owners(store))]) {
    const removed = yield* cullShard(store, owner, shard)
    if (removed === 0) continue
    yield* store.count.free(removed)
    return
  }
}

function* cullShard(store: Store, owner: string, shard: string): Task<number> {
  const { cullFrequency } = store.settings
  const live: { name: string; createdAt: number }[] = []
  let removed = 0
  for (const name of yield* names(store, `${owner}/${shard}`)) {
    if (roleOf(name) !== 'entry') continue
    const resting = yield* restingAt(store, `${owner}/${shard}/${name}`)
    if (!resting) continue
    if (resting.expiresAt > store.now()) live.push({ name, createdAt: resting.createdAt })
    else if (yield* evict(store, owner, name, 'expired', isOver(store))) removed += 1
  }
  if (removed > 0) return removed
  live.sort((a, b) => a.createdAt - b.createdAt)
  const most = cullFrequency === 0 ? live.length : Math.ceil(live.length / cullFrequency)
  for (const { name, createdAt } of live.slice(0, most)) {
    if (yield* evict(store, owner, name, 'room', (now) => now.createdAt <= createdAt)) removed += 1
  }
  return removed
}

/**
 * Counts what rests here, and removes what is too much. `coming`: entries that hold a lock now and are not there yet, of the
 * caller's own. Under the upkeep lock.
 */
function* cull(store: Store, pace: Pace, coming: number): Task<void> {
  const { maxEntries, cullFrequency } = store.settings
  const before = yield* store.count.mark()
  // Another process may have culled while we waited for the lock.
  if (!store.count.fresh && before.sum - coming < maxEntries) {
    if (store.count.long) yield* store.count.shorten()
    return
  }
  const folders = yield* owners(store)
  const ages = new Ages()
  let expired = 0
  let locks = 0
  yield* walk(store, folders, pace, function* (owner, name) {
    if (roleOf(name) === 'lock') {
      // It may be a new entry that has taken its slot: counted, so that it is not overlooked.
      if (!(yield* dropOrphan(store, owner, name))) locks += 1
    } else if (roleOf(name) !== 'entry') yield* dropOrphan(store, owner, name)
    else {
      const resting = yield* restingAt(store, `${owner}/${name.slice(0, 2)}/${name}`)
      if (!resting) return
      if (resting.expiresAt <= store.now() && (yield* evict(store, owner, name, 'expired', isOver(store)))) {
        expired += 1
      } else ages.add(resting.createdAt)
    }
  })
  const left = ages.count + Math.max(0, locks - coming)
  const all = left + expired
  let removed = 0
  // What had expired made room, and not so little that the next entry would ask for a census again.
  const enough = left < maxEntries && expired >= maxEntries / 100
  if (left >= maxEntries || (expired > 0 && !enough)) {
    const share = cullFrequency === 0 ? all : Math.floor(all / cullFrequency)
    const goal = Math.min(ages.count, Math.max(share - expired, left - maxEntries + 1))
    if (goal > 0) removed = yield* evictOldest(store, folders, pace, ages, goal)
  }
  yield* store.count.settle(ages.count + locks - removed, before.end)
}

/** Most ages that are kept; of more entries, so many chosen at random stand for all. */
const SAMPLE = 4096

/** When the entries of a census were stored: exactly of a few, by a sample of many, so that no list grows with the cache. */
class Ages {
  count = 0
  readonly #sample: number[] = []

  add(createdAt: number): void {
    this.count += 1
    const at = this.#sample.length < SAMPLE ? this.#sample.length : Math.floor(Math.random() * this.count)
    if (at < SAMPLE) this.#sample[at] = createdAt
  }

  /** At least about so many entries were stored by the instant that it answers. */
  limitFor(entries: number): number {
    const sorted = this.#sample.sort((a, b) => a - b)
    const spare = this.count > SAMPLE ? SAMPLE / 64 : 0
    const at = Math.ceil((entries / this.count) * sorted.length) - 1 + spare
    return sorted[Math.min(at, sorted.length - 1)]!
  }
}

/** Removes so many of those stored first; how many it was. */
function* evictOldest(
  store: Store,
  folders: readonly string[],
  pace: Pace,
  ages: Ages,
  goal: number,
): Task<number> {
  const limit = ages.limitFor(goal)
  let removed = 0
  yield* walk(store, folders, pace, function* (owner, name) {
    if (removed >= goal || roleOf(name) !== 'entry') return
    const resting = yield* restingAt(store, `${owner}/${name.slice(0, 2)}/${name}`)
    if (!resting || resting.createdAt > limit) return
    if (yield* evict(store, owner, name, 'room', (now) => now.createdAt <= limit)) removed += 1
  })
  return removed
}

/** Removes what has expired, what dead processes left, and what `clear` set aside; how many entries had expired. */
export function* prune(store: Store, pace: Pace): Task<number> {
  let expired = 0
  yield* walk(store, yield* owners(store), pace, function* (owner, name) {
    if (roleOf(name) !== 'entry') {
      yield* dropOrphan(store, owner, name)
      return
    }
    const resting = yield* restingAt(store, `${owner}/${name.slice(0, 2)}/${name}`)
    if (!resting || resting.expiresAt > store.now()) return
    if (yield* evict(store, owner, name, 'expired', isOver(store))) expired += 1
  })
  if (expired > 0) yield* store.count.free(expired)
  for (const folder of yield* trash(store)) yield* emptyTrash(store, folder, pace)
  return expired
}

/** The hourly upkeep: as `prune`, unless another process is at it. */
export function* upkeep(store: Store): Task<void> {
  if (!(yield* store.directory.isOurs())) return
  // A small cache culls within a set, which must not find this lock held while it waits for its turn.
  const pace = store.settings.maxEntries <= SMALL ? 'at-once' : 'behind'
  yield* alone(store, function* () {
    yield* prune(store, pace)
  })
}

/** How many entries there are. */
export function* countEntries(store: Store): Task<number> {
  let entries = 0
  for (const owner of yield* owners(store)) {
    for (const shard of yield* names(store, owner)) {
      for (const name of yield* names(store, `${owner}/${shard}`)) if (roleOf(name) === 'entry') entries += 1
    }
  }
  return entries
}
