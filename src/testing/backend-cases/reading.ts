/** What was stored comes back, and nothing else does. */
import assert from 'node:assert/strict'
import { onStage } from '../stage.ts'

export const reading = [
  onStage('API-01 what was never stored is undefined', async (stage) => {
    await stage.isGone('nothing')
  }),
  onStage('API-01 what was stored is what is read, again and again', async (stage) => {
    await stage.set('key', stage.what('value'))
    await stage.holds('key', stage.what('value'))
    await stage.holds('key', stage.what('value'))
  }),
  onStage('SER-05 a number, zero and below, is read as it was stored', async (stage) => {
    for (const number of [0, 1, -1, 42, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      await stage.set(`n${number}`, stage.number(number))
      await stage.holds(`n${number}`, stage.number(number))
    }
  }),
  onStage('an entry with times of its own is read as it was stored', async (stage) => {
    const what = stage.graced('value')
    await stage.set('key', what)
    await stage.holds('key', what)
  }),
  onStage('a value of nothing at all is a value', async (stage) => {
    await stage.set('key', stage.what(''))
    await stage.holds('key', stage.what(''))
    assert.equal(await stage.store.has(stage.space, 'key'), true)
  }),
  onStage('a value of 200 kB comes back whole', async (stage) => {
    const what = stage.what('0123456789'.repeat(20_000))
    await stage.set('key', what)
    await stage.holds('key', what)
  }),
  onStage('API-10 has tells what is there and changes nothing', async (stage) => {
    assert.equal(await stage.store.has(stage.space, 'key'), false)
    await stage.set('key', stage.what('value'))
    assert.equal(await stage.store.has(stage.space, 'key'), true)
    await stage.holds('key', stage.what('value'))
  }),
]
