/**
 * `clear` is one rename: the folder of the prefix is set aside under another name, with all entries, claims and
 * locks in it, and emptied afterwards. Whoever was writing into it finds its lock gone and writes again. Nothing is
 * touched in a directory without our marker, and no file without our name and header.
 */
import type { Space } from '../../core/backend.ts'
import { NotSupportedError } from '../../core/errors.ts'
import { codeOf } from './io.ts'
import { locked, remove } from './lock.ts'
import { ownerOf, placeOfFile, roleOf, storageKeyOf, trashOf } from './place.ts'
import { readHead } from './read.ts'
import { isOurs, keyOf, newStamp } from './record.ts'
import { startBehind } from './room.ts'
import type { Store } from './store.ts'
import { emptyTrash, owners, restingAt, trash, walk } from './sweep.ts'
import { type Task, wait } from './task.ts'

/** So many files are removed before `clear` answers, the rest behind. */
const AT_ONCE = 500

export function* clear(store: Store, space: Space | 'everything'): Task<void> {
  if (!(yield* store.directory.isOurs())) return
  const before = yield* store.count.mark()
  const folders = yield* foldersOf(store, space)
  if (folders === undefined) {
    const removed = yield* scan(store, yield* owners(store), space)
    return yield* store.count.free(removed)
  }
  let removed = 0
  let done = true
  for (const folder of folders) {
    const aside = trashOf(folder, newStamp())
    try {
      yield* wait(store.io.rename(folder, aside))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') continue
      // Windows moves no folder in which a file is open.
      removed += yield* scan(store, [folder], 'everything')
      continue
    }
    const emptied = yield* emptyTrash(store, aside, 'at-once', AT_ONCE)
    removed += emptied.entries
    done &&= emptied.done
  }
  if (space === 'everything') yield* store.count.settle(0, before.end)
  else if (removed > 0) yield* store.count.free(removed)
  if (!done) startBehind(store, () => emptyAll(store))
}

/** The folders that hold this cache's keys and no others; `undefined` where keys have to be looked at one by one. */
function* foldersOf(store: Store, space: Space | 'everything'): Task<string[] | undefined> {
  if (space === 'everything') return yield* owners(store)
  if (space.plain) return [`${store.settings.root}/${ownerOf(space.prefix)}`]
  if (space.start !== undefined) return undefined
  throw new NotSupportedError(
    'NOT_SUPPORTED',
    'clear(): the key function does not say how its keys begin: give it ownPrefix, or clear with { everything: true }',
  )
}

function* emptyAll(store: Store): Task<void> {
  for (const folder of yield* trash(store)) yield* emptyTrash(store, folder, 'behind')
}

/** Removes what this cache owns, file by file; how many entries went. */
function* scan(store: Store, folders: readonly string[], space: Space | 'everything'): Task<number> {
  const { io } = store
  let removed = 0
  yield* walk(store, folders, io.sync ? 'at-once' : 'asked', function* (owner, name) {
    const role = roleOf(name)
    if (role !== 'entry' && role !== 'claim') return
    const path = `${owner}/${name.slice(0, 2)}/${name}`
    const key = yield* wait(
      readHead(io, path, (head) => (head && isOurs(head) ? storageKeyOf(keyOf(head)) : undefined), true),
    )
    if (key === undefined || (space !== 'everything' && !space.owns(key))) return
    const place = placeOfFile(owner, name)
    yield* locked(store, place, true, function* () {
      yield* remove(io, place.claim)
      if ((yield* restingAt(store, place.entry)) && (yield* remove(io, place.entry))) removed += 1
    })
  })
  return removed
}
