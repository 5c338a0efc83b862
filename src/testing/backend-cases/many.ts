/** Many keys at once say what one by one would. */
import assert from 'node:assert/strict'
import { sameStored } from '../../core/store.ts'
import { onStage } from '../stage.ts'

export const many = [
  onStage('API-04 getMany answers what is there, under the names that were asked', async (stage) => {
    await stage.set('a', stage.what('1'))
    await stage.set('b', stage.number(2))
    const found = await stage.store.getMany(stage.space, ['b', 'nothing', 'a'])
    assert.deepEqual([...found.keys()].sort(), ['a', 'b'])
    assert.ok(sameStored(found.get('a'), stage.what('1')))
    assert.ok(sameStored(found.get('b'), stage.number(2)))
  }),
  onStage('API-05 setMany stores all for one end, and answers that none failed', async (stage) => {
    const end = stage.soon
    await stage.set('a', stage.what('old'))
    const entries = new Map(['a', 'b', 'c'].map((key) => [key, stage.what(key)]))
    assert.deepEqual(await stage.store.setMany(stage.space, entries, end), [])
    for (const [key, what] of entries) await stage.holds(key, what)
    await stage.passTo(end)
    for (const key of entries.keys()) await stage.isGone(key)
  }),
  onStage('API-05 setMany without an end lives on', async (stage) => {
    await stage.store.setMany(stage.space, new Map([['a', stage.what('1')]]), Number.POSITIVE_INFINITY)
    await stage.holds('a', stage.what('1'))
  }),
  onStage('API-07 deleteMany counts those that were there', async (stage) => {
    for (const key of ['a', 'b', 'c']) await stage.set(key, stage.what(key))
    assert.equal(await stage.store.deleteMany(stage.space, ['a', 'nothing', 'c']), 2)
    await stage.isGone('a')
    await stage.holds('b', stage.what('b'))
  }),
  onStage('A06 many at once know no special names', async (stage) => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
    const entries = new Map(names.map((key) => [key, stage.what(key)]))
    assert.equal((await stage.store.getMany(stage.space, names)).size, 0)
    await stage.store.setMany(stage.space, entries, stage.later)
    const found = await stage.store.getMany(stage.space, names)
    for (const [key, what] of entries) assert.ok(sameStored(found.get(key), what), key)
    assert.equal(await stage.store.deleteMany(stage.space, names), names.length)
  }),
  onStage('700 keys at once are no problem', async (stage) => {
    const entries = new Map(Array.from({ length: 700 }, (_, i) => [`key${i}`, stage.what(`${i}`)]))
    assert.deepEqual(await stage.store.setMany(stage.space, entries, stage.later), [])
    const found = await stage.store.getMany(stage.space, [...entries.keys()])
    assert.equal(found.size, 700)
    for (const [key, what] of entries) assert.ok(sameStored(found.get(key), what), key)
    assert.equal(await stage.store.deleteMany(stage.space, [...entries.keys()]), 700)
  }),
]
