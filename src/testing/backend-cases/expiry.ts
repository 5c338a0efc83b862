/** One rule everywhere: at the instant itself it is over. */
import assert from 'node:assert/strict'
import { onStage, type Stage } from '../stage.ts'

const DAY = 86_400_000

/** Something that has just ended, under `key`. */
async function ended(stage: Stage): Promise<void> {
  const end = stage.soon
  await stage.set('key', stage.what('value'), end)
  await stage.passTo(end)
}

export const expiry = [
  onStage('TMO-11 lives until its end and is over at the instant itself', async (stage) => {
    const end = stage.soon
    await stage.set('key', stage.what('value'), end)
    if (stage.context.granularity === 0) await stage.clock.advance(end - stage.clock.now() - 1)
    await stage.holds('key', stage.what('value'))
    await stage.passTo(end)
    await stage.isGone('key')
  }),
  onStage('TMO-02 without an end it lives on', async (stage) => {
    await stage.set('key', stage.what('value'), Number.POSITIVE_INFINITY)
    await stage.passTo(stage.soon)
    await stage.holds('key', stage.what('value'))
  }),
  onStage('TMO-10 F25 more than 30 days is no problem', async (stage) => {
    await stage.set('month', stage.what('value'), stage.clock.now() + 30 * DAY + 1_000)
    await stage.set('decades', stage.what('value'), stage.clock.now() + 20_000 * DAY)
    await stage.holds('month', stage.what('value'))
    await stage.holds('decades', stage.what('value'))
  }),
  onStage('F55 an end beyond 2^31 ms from now does not come early', async (stage) => {
    await stage.set('key', stage.what('value'), stage.clock.now() + 2 ** 31)
    await stage.passTo(stage.soon)
    await stage.holds('key', stage.what('value'))
  }),
  onStage('what has expired is there for no verb', async (stage) => {
    await ended(stage)
    const { store, space } = stage
    assert.equal(await store.has(space, 'key'), false, 'has')
    assert.equal((await store.getMany(space, ['key'])).size, 0, 'getMany')
    assert.equal(await store.peek(space, 'key'), undefined, 'peek')
    assert.equal(await store.replace(space, 'key', stage.what('value'), stage.what('b'), stage.later), false)
    await stage.isGone('key')
  }),
  onStage('DB-08 touch does not revive what has expired', async (stage) => {
    await ended(stage)
    assert.equal(await stage.store.touch(stage.space, 'key', stage.later), false)
    await stage.isGone('key')
  }),
  onStage('API-06 delete of what has expired is false', async (stage) => {
    await ended(stage)
    assert.equal(await stage.store.delete(stage.space, 'key'), false)
    assert.equal(await stage.store.deleteMany(stage.space, ['key']), 0)
  }),
  onStage('incr does not find what has expired', async (stage) => {
    const end = stage.soon
    await stage.set('key', stage.number(5), end)
    await stage.passTo(end)
    assert.equal(await stage.store.incr(stage.space, 'key', 1), undefined)
    await stage.isGone('key')
  }),
  onStage('of many ends each comes by itself', async (stage) => {
    const end = stage.soon
    for (let i = 0; i < 40; i++) await stage.set(`k${i}`, stage.what('v'), i % 2 ? end : stage.later)
    await stage.passTo(end)
    for (let i = 0; i < 40; i++) {
      if (i % 2) await stage.isGone(`k${i}`)
      else await stage.holds(`k${i}`, stage.what('v'))
    }
  }),
  onStage('prune lets go of what has expired, and of nothing else', async (stage) => {
    const end = stage.soon
    await stage.set('ended', stage.what('v'), end)
    await stage.set('alive', stage.what('v'))
    await stage.passTo(end)
    assert.ok((await stage.store.prune()) >= 0)
    await stage.isGone('ended')
    await stage.holds('alive', stage.what('v'))
  }),
]
