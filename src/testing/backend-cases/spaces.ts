/** Prefixes and versions keep keys apart, for every verb. */
import assert from 'node:assert/strict'
import type { Space } from '../../core/backend.ts'
import { onStage, type Stage } from '../stage.ts'

/** Everything done in `elsewhere` leaves what rests here. */
async function keptApart(stage: Stage, elsewhere: Space): Promise<void> {
  const { store } = stage
  await stage.set('key', stage.what('here'))
  await stage.set('n', stage.number(1))
  await stage.isGone('key', elsewhere)
  assert.equal(await store.has(elsewhere, 'key'), false, 'has')
  assert.equal(await store.touch(elsewhere, 'key', stage.soon), false, 'touch')
  assert.equal(await store.delete(elsewhere, 'key'), false, 'delete')
  assert.equal(await store.deleteMany(elsewhere, ['key', 'n']), 0, 'deleteMany')
  assert.equal(await store.incr(elsewhere, 'n', 1), undefined, 'incr')
  assert.equal((await store.getMany(elsewhere, ['key', 'n'])).size, 0, 'getMany')
  assert.equal(await store.peek(elsewhere, 'key'), undefined, 'peek')
  assert.equal(await store.add(elsewhere, 'key', stage.what('there'), stage.later), true, 'add')
  await store.setMany(elsewhere, new Map([['n', stage.number(10)]]), stage.later)
  assert.equal(await store.incr(elsewhere, 'n', 1), 11)
  await stage.holds('key', stage.what('here'))
  await stage.holds('n', stage.number(1))
  await stage.holds('key', stage.what('there'), elsewhere)
}

export const spaces = [
  onStage('VER-01 the same key in two versions is two entries, for every verb', (stage) =>
    keptApart(stage, stage.spaceOf(2)),
  ),
  onStage('VER-01 version 0 and very large versions are versions', async (stage) => {
    const versions = [0, 1, 11, 2 ** 40].map((version) => stage.spaceOf(version))
    for (const space of versions) await stage.set('key', stage.what(`v${space.version}`), stage.later, space)
    for (const space of versions) await stage.holds('key', stage.what(`v${space.version}`), space)
  }),
  onStage('KEY-04 the same key under two prefixes is two entries, for every verb', (stage) =>
    keptApart(stage, stage.spaceOf(1, `${stage.prefix}-other`)),
  ),
  onStage('A07 parts of prefix, version and key cannot be taken for one another', async (stage) => {
    const places: [Space, string][] = [
      [stage.spaceOf(1), 'a:b'],
      [stage.spaceOf(1, `${stage.prefix}:a`), 'b'],
      [stage.spaceOf(1), '1:b'],
      [stage.spaceOf(11), 'b'],
      [stage.spaceOf(1), ':b'],
      [stage.spaceOf(1, `${stage.prefix}:`), 'b'],
      [stage.spaceOf(1), 'b'],
    ]
    for (const [i, [space, key]] of places.entries())
      await stage.set(key, stage.what(`${i}`), stage.later, space)
    for (const [i, [space, key]] of places.entries()) await stage.holds(key, stage.what(`${i}`), space)
  }),
  onStage('two spaces of one prefix and version are the same place', async (stage) => {
    await stage.set('key', stage.what('value'))
    await stage.holds('key', stage.what('value'), stage.spaceOf(1))
  }),
]
