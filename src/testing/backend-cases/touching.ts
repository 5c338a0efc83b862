/** touch: another end for what lives. */
import assert from 'node:assert/strict'
import { onStage } from '../stage.ts'

export const touching = [
  onStage('API-09 touch moves the end on and leaves the value', async (stage) => {
    const end = stage.soon
    await stage.set('key', stage.what('value'), end)
    assert.equal(await stage.store.touch(stage.space, 'key', stage.later), true)
    await stage.passTo(end)
    await stage.holds('key', stage.what('value'))
  }),
  onStage('API-09 touch may bring the end nearer', async (stage) => {
    const end = stage.soon
    await stage.set('key', stage.what('value'), Number.POSITIVE_INFINITY)
    assert.equal(await stage.store.touch(stage.space, 'key', end), true)
    await stage.passTo(end)
    await stage.isGone('key')
  }),
  onStage('API-09 touch takes the end away', async (stage) => {
    const end = stage.soon
    await stage.set('key', stage.what('value'), end)
    assert.equal(await stage.store.touch(stage.space, 'key', Number.POSITIVE_INFINITY), true)
    await stage.passTo(end)
    await stage.holds('key', stage.what('value'))
  }),
  onStage('RED-09 touch of what never ends, to never end, is true', async (stage) => {
    await stage.set('key', stage.what('value'), Number.POSITIVE_INFINITY)
    assert.equal(await stage.store.touch(stage.space, 'key', Number.POSITIVE_INFINITY), true)
    await stage.holds('key', stage.what('value'))
  }),
  onStage('touch to the same end twice is true both times', async (stage) => {
    const end = stage.later
    await stage.set('key', stage.what('value'), end)
    assert.equal(await stage.store.touch(stage.space, 'key', end), true)
    assert.equal(await stage.store.touch(stage.space, 'key', end), true)
  }),
  onStage('API-09 touch of nothing is false and makes nothing', async (stage) => {
    assert.equal(await stage.store.touch(stage.space, 'key', stage.later), false)
    await stage.isGone('key')
  }),
  onStage('touch of a number leaves it a number', async (stage) => {
    await stage.set('key', stage.number(5))
    assert.equal(await stage.store.touch(stage.space, 'key', stage.later), true)
    assert.equal(await stage.store.incr(stage.space, 'key', 1), 6)
  }),
  onStage("touch of what has times of its own is 'graced', and moves nothing", async (stage) => {
    const end = stage.soon
    const what = stage.graced('value')
    await stage.set('key', what, end)
    assert.equal(await stage.store.touch(stage.space, 'key', stage.later), 'graced')
    assert.equal(await stage.store.has(stage.space, 'key'), 'graced')
    await stage.holds('key', what)
    await stage.passTo(end)
    await stage.isGone('key')
  }),
]
