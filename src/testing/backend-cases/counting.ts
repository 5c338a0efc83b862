/** incr: whole numbers, in one step, exact. */
import assert from 'node:assert/strict'
import { onStage } from '../stage.ts'

const MOST = Number.MAX_SAFE_INTEGER

export const counting = [
  onStage('API-11 incr answers the sum, up and down', async (stage) => {
    const { store, space } = stage
    await stage.set('n', stage.number(41))
    assert.equal(await store.incr(space, 'n', 1), 42)
    assert.equal(await store.incr(space, 'n', 10), 52)
    assert.equal(await store.incr(space, 'n', -12), 40)
    assert.equal(await store.incr(space, 'n', 0), 40)
    await stage.holds('n', stage.number(40))
  }),
  onStage('API-11 incr of nothing is undefined and makes nothing', async (stage) => {
    assert.equal(await stage.store.incr(stage.space, 'n', 1), undefined)
    await stage.isGone('n')
  }),
  onStage('API-11 incr begins where it is told to, where nothing is', async (stage) => {
    const { store, space } = stage
    const end = stage.soon
    assert.equal(await store.incr(space, 'n', 2, { initial: 10, expiresAt: end }), 12)
    await stage.holds('n', stage.number(12))
    await stage.passTo(end)
    await stage.isGone('n')
  }),
  onStage('what incr begins from means nothing where a number lives', async (stage) => {
    const { store, space } = stage
    const end = stage.soon
    await stage.set('n', stage.number(1), end)
    assert.equal(await store.incr(space, 'n', 1, { initial: 100, expiresAt: stage.later }), 2)
    await stage.passTo(end)
    await stage.isGone('n')
  }),
  onStage('API-13 incr keeps the end', async (stage) => {
    const end = stage.soon
    await stage.set('ends', stage.number(1), end)
    await stage.set('never', stage.number(1), Number.POSITIVE_INFINITY)
    await stage.store.incr(stage.space, 'ends', 1)
    await stage.store.incr(stage.space, 'never', 1)
    await stage.passTo(end)
    await stage.isGone('ends')
    await stage.holds('never', stage.number(2))
  }),
  onStage('F27 below zero it counts on', async (stage) => {
    const { store, space } = stage
    await stage.set('n', stage.number(1))
    assert.equal(await store.incr(space, 'n', -5), -4)
    assert.equal(await store.incr(space, 'n', -5), -9)
    assert.equal(await store.incr(space, 'n', 10), 1)
  }),
  onStage('API-12 what is no whole number is NOT_A_NUMBER and stays as it was', async (stage) => {
    const graced = stage.graced('5')
    await stage.set('text', stage.what('five'))
    await stage.set('empty', stage.what(''))
    await stage.set('graced', graced)
    for (const key of ['text', 'empty', 'graced']) {
      await assert.rejects(async () => stage.store.incr(stage.space, key, 1), { code: 'NOT_A_NUMBER' }, key)
    }
    await stage.holds('text', stage.what('five'))
    await stage.holds('graced', graced)
  }),
  onStage('F27 beyond 2^53 - 1 it is a RangeError and nothing changes', async (stage) => {
    const { store, space } = stage
    await stage.set('high', stage.number(MOST - 1))
    assert.equal(await store.incr(space, 'high', 1), MOST)
    await assert.rejects(async () => store.incr(space, 'high', 1), RangeError)
    await assert.rejects(async () => store.incr(space, 'high', MOST), RangeError)
    await stage.holds('high', stage.number(MOST))
    await stage.set('low', stage.number(-MOST))
    await assert.rejects(async () => store.incr(space, 'low', -1), RangeError)
    await stage.holds('low', stage.number(-MOST))
  }),
  onStage('large sums are exact', async (stage) => {
    const { store, space } = stage
    await stage.set('n', stage.number(-MOST))
    assert.equal(await store.incr(space, 'n', MOST), 0)
    assert.equal(await store.incr(space, 'n', MOST - 2), MOST - 2)
    assert.equal(await store.incr(space, 'n', 1), MOST - 1)
  }),
]
