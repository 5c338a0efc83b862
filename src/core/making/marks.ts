/**
 * Marks: claims that say something of a key beside the right to make it. No verb sees them, `clear` takes them along, and no key of a
 * user's can be taken for one.
 */
import type { Space } from '../backend.ts'

/** `unkept`: what was made of the key is not kept. `asked`: its refresh has been asked for. */
export type Mark = 'unkept' | 'asked'

const spaces = new WeakMap<Space, Map<Mark, Space>>()

/**
 * The space of such marks on the keys of a space. A storage key writes U+FFFD as itself twice, or before the code of half a character
 * (`values/space.ts`): followed by anything else it ends no storage key.
 */
export function markSpace(space: Space, mark: Mark): Space {
  const known = spaces.get(space)?.get(mark)
  if (known) return known
  const marks: Space = { ...space, plain: false, frame: (key) => `${space.frame(key)}\ufffd${mark}` }
  spaces.set(space, (spaces.get(space) ?? new Map()).set(mark, marks))
  return marks
}
