/** clear: this cache's own keys, all versions, and no others. */
import assert from 'node:assert/strict'
import type { Space } from '../../core/backend.ts'
import { onStage } from '../stage.ts'

export const clearing = [
  onStage('API-08 clear removes every version of its own prefix', async (stage) => {
    const versions = [stage.spaceOf(1), stage.spaceOf(2), stage.spaceOf(300)]
    for (const space of versions) await stage.set('key', stage.what('value'), stage.later, space)
    await stage.store.clear(stage.space)
    for (const space of versions) await stage.isGone('key', space)
  }),
  onStage('A08 clear removes nothing of a prefix that only looks alike', async (stage) => {
    const { prefix } = stage
    const mine = stage.spaceOf(1, `${prefix}-a_b%*?[c]\\`)
    const others = [
      '-a_b%*?[c]',
      '-aXb%*?[c]\\',
      '-a_bxx*?[c]\\',
      '-a_b%xxc\\',
      '-A_b%*?[c]\\',
      '-a',
      '',
    ].map((tail) => stage.spaceOf(1, `${prefix}${tail}`))
    const longer = stage.spaceOf(1, `${mine.prefix}:more`)
    for (const space of [mine, longer, ...others]) await stage.set('k', stage.what('v'), stage.later, space)
    await stage.store.clear(mine)
    await stage.isGone('k', mine)
    for (const space of [longer, ...others]) await stage.holds('k', stage.what('v'), space)
  }),
  onStage('API-08 clear with hundreds of keys leaves none, and none of others goes', async (stage) => {
    const other = stage.spaceOf(1, `${stage.prefix}-other`)
    const many = new Map(Array.from({ length: 400 }, (_, i) => [`key${i}`, stage.what(`${i}`)]))
    await stage.store.setMany(stage.space, many, stage.later)
    await stage.store.setMany(other, many, stage.later)
    await stage.store.clear(stage.space)
    assert.equal((await stage.store.getMany(stage.space, [...many.keys()])).size, 0)
    assert.equal((await stage.store.getMany(other, [...many.keys()])).size, 400)
    await stage.store.clear(other)
  }),
  onStage('clear of nothing is nothing; what comes after it stays', async (stage) => {
    await stage.store.clear(stage.space)
    await stage.set('key', stage.what('value'))
    await stage.holds('key', stage.what('value'))
  }),
]

/** Of its own topic, since on a server it empties what every other test left there. */
export const clearingEverything = [
  onStage('clear(everything) empties the whole store', async (stage) => {
    const spaces: Space[] = [stage.space, stage.spaceOf(1, ''), stage.spaceOf(5, `${stage.prefix}:other`)]
    for (const space of spaces) await stage.set('key', stage.what('value'), stage.later, space)
    await stage.store.clear('everything')
    for (const space of spaces) await stage.isGone('key', space)
  }),
]
