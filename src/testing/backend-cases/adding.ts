/** add: only where nothing lives. */
import assert from 'node:assert/strict'
import { onStage } from '../stage.ts'

export const adding = [
  onStage('API-03 add is true where nothing is, and stores', async (stage) => {
    assert.equal(await stage.store.add(stage.space, 'key', stage.what('value'), stage.later), true)
    await stage.holds('key', stage.what('value'))
  }),
  onStage('API-03 add is false where something lives, and leaves value and end alone', async (stage) => {
    const end = stage.soon
    await stage.set('key', stage.what('first'), end)
    assert.equal(await stage.store.add(stage.space, 'key', stage.what('second'), stage.later), false)
    await stage.holds('key', stage.what('first'))
    await stage.passTo(end)
    await stage.isGone('key')
  }),
  onStage('API-03 what has expired counts as absent for add', async (stage) => {
    const end = stage.soon
    await stage.set('key', stage.what('first'), end)
    await stage.passTo(end)
    assert.equal(await stage.store.add(stage.space, 'key', stage.what('second'), stage.later), true)
    await stage.holds('key', stage.what('second'))
  }),
  onStage('add after a delete is true', async (stage) => {
    await stage.set('key', stage.what('first'))
    await stage.store.delete(stage.space, 'key')
    assert.equal(await stage.store.add(stage.space, 'key', stage.what('second'), stage.later), true)
  }),
  onStage('what add stored ends when it was told to', async (stage) => {
    const end = stage.soon
    await stage.store.add(stage.space, 'key', stage.what('value'), end)
    await stage.holds('key', stage.what('value'))
    await stage.passTo(end)
    await stage.isGone('key')
  }),
]
