/** peek and replace: what rests with its times, and compare-and-set. */
import assert from 'node:assert/strict'
import { sameStored } from '../../core/store.ts'
import { onStage, type Stage } from '../stage.ts'

/** The end that is told, as exactly as the backend keeps it; it may tell how long from now, so that a slow answer makes it less exact. */
async function endsAt(stage: Stage, key: string, end: number): Promise<void> {
  const asked = stage.clock.now()
  const kept = await stage.store.peek(stage.space, key)
  const exact = stage.context.granularity + 1 + stage.clock.now() - asked
  assert.ok(kept?.expiresAt !== undefined && Math.abs(kept.expiresAt - end) <= exact)
}

export const peeking = [
  onStage('peek answers what rests, and its end as exactly as the backend keeps it', async (stage) => {
    const end = stage.later
    await stage.set('ends', stage.what('value'), end)
    await stage.set('never', stage.what('value'), Number.POSITIVE_INFINITY)
    const kept = await stage.store.peek(stage.space, 'ends')
    assert.ok(kept && sameStored(kept.stored, stage.what('value')))
    await endsAt(stage, 'ends', end)
    assert.equal((await stage.store.peek(stage.space, 'never'))?.expiresAt, Number.POSITIVE_INFINITY)
    assert.equal(await stage.store.peek(stage.space, 'nothing'), undefined)
  }),
  onStage('peek knows the end that touch gave', async (stage) => {
    await stage.set('key', stage.what('value'), stage.soon)
    const end = stage.later
    await stage.store.touch(stage.space, 'key', end)
    await endsAt(stage, 'key', end)
  }),
]

export const replacing = [
  onStage('replace stores while what was read still rests there', async (stage) => {
    await stage.set('key', stage.what('old'))
    const was = await stage.store.get(stage.space, 'key')
    assert.equal(await stage.store.replace(stage.space, 'key', was, stage.what('new'), stage.later), true)
    await stage.holds('key', stage.what('new'))
    assert.equal(await stage.store.replace(stage.space, 'key', was, stage.what('newer'), stage.later), false)
    await stage.holds('key', stage.what('new'))
  }),
  onStage('replace of nothing is false and makes nothing', async (stage) => {
    const { store, space } = stage
    assert.equal(await store.replace(space, 'key', stage.what('old'), stage.what('new'), stage.later), false)
    await stage.isGone('key')
  }),
  onStage('replace gives it the new end', async (stage) => {
    const end = stage.soon
    await stage.set('key', stage.graced('old'))
    const was = await stage.store.get(stage.space, 'key')
    assert.equal(await stage.store.replace(stage.space, 'key', was, stage.graced('new'), end), true)
    await stage.passTo(end)
    await stage.isGone('key')
  }),
]
