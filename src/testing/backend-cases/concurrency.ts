/** Of calls that race in one process, one comes first. */
import assert from 'node:assert/strict'
import { sameStored } from '../../core/store.ts'
import { onStage } from '../stage.ts'

const racers = Array.from({ length: 25 }, (_, i) => i)

export const concurrency = [
  onStage('API-03 of adds that race, one is true, and its value rests there', async (stage) => {
    const { store, space } = stage
    const added = await Promise.all(
      racers.map((i) => store.add(space, 'key', stage.what(`${i}`), stage.later)),
    )
    assert.equal(added.filter(Boolean).length, 1)
    await stage.holds('key', stage.what(`${added.indexOf(true)}`))
  }),
  onStage('API-03 of adds that race for what has expired, one is true', async (stage) => {
    const end = stage.soon
    await stage.set('key', stage.what('old'), end)
    await stage.passTo(end)
    const added = await Promise.all(
      racers.map((i) => stage.store.add(stage.space, 'key', stage.what(`${i}`), stage.later)),
    )
    assert.equal(added.filter(Boolean).length, 1)
  }),
  onStage('API-14 no count is lost', async (stage) => {
    const { store, space } = stage
    await stage.set('n', stage.number(0))
    const sums = await Promise.all(racers.map(() => store.incr(space, 'n', 1)))
    assert.deepEqual(
      sums.sort((a, b) => a! - b!),
      racers.map((i) => i + 1),
    )
  }),
  onStage('API-14 counts that race to begin begin once', async (stage) => {
    const made = { initial: 100, expiresAt: stage.later }
    await Promise.all(racers.map(() => stage.store.incr(stage.space, 'n', 1, made)))
    await stage.holds('n', stage.number(100 + racers.length))
  }),
  onStage('of deletes that race, one is true', async (stage) => {
    await stage.set('key', stage.what('value'))
    const deleted = await Promise.all(racers.map(() => stage.store.delete(stage.space, 'key')))
    assert.equal(deleted.filter(Boolean).length, 1)
  }),
  onStage('of claims that race, one is given', async (stage) => {
    const claimed = await Promise.all(racers.map(() => stage.store.claim(stage.space, 'key', 30_000)))
    assert.equal(claimed.filter(({ token }) => token !== undefined).length, 1)
  }),
  onStage('sets and reads that race see whole values only', async (stage) => {
    const whole = racers.map((i) => stage.what(String(i).repeat(3_000)))
    const reads = await Promise.all(
      whole.flatMap((what) => [
        Promise.resolve(stage.store.set(stage.space, 'key', what, stage.later)).then(() => undefined),
        stage.store.get(stage.space, 'key'),
      ]),
    )
    for (const read of reads) assert.ok(read === undefined || whole.some((what) => sameStored(what, read)))
  }),
  onStage('of replacements that race, one is true', async (stage) => {
    await stage.set('key', stage.what('old'))
    const was = await stage.store.get(stage.space, 'key')
    const done = await Promise.all(
      racers.map((i) => stage.store.replace(stage.space, 'key', was, stage.what(`${i}`), stage.later)),
    )
    assert.equal(done.filter(Boolean).length, 1)
  }),
]
