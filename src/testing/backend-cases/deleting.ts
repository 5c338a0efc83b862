/** delete: true of what was there. */
import assert from 'node:assert/strict'
import { onStage } from '../stage.ts'

export const deleting = [
  onStage('API-06 delete is true of what was there, and false the second time', async (stage) => {
    await stage.set('key', stage.what('value'))
    assert.equal(await stage.store.delete(stage.space, 'key'), true)
    await stage.isGone('key')
    assert.equal(await stage.store.delete(stage.space, 'key'), false)
  }),
  onStage('API-06 delete of what never was is false', async (stage) => {
    assert.equal(await stage.store.delete(stage.space, 'key'), false)
  }),
  onStage('delete removes this key alone', async (stage) => {
    for (const key of ['a', 'ab', 'b', 'a:b']) await stage.set(key, stage.what(key))
    await stage.store.delete(stage.space, 'a')
    for (const key of ['ab', 'b', 'a:b']) await stage.holds(key, stage.what(key))
  }),
  onStage('what was deleted can be stored anew', async (stage) => {
    await stage.set('key', stage.what('old'))
    await stage.store.delete(stage.space, 'key')
    await stage.set('key', stage.what('new'))
    await stage.holds('key', stage.what('new'))
  }),
]
