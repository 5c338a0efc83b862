/** The right to make a key: one holder, broken by any write. */
import assert from 'node:assert/strict'
import { sameStored } from '../../core/store.ts'
import { needed, onStage, Stage } from '../stage.ts'

/** Longer than any case takes. */
const LONG = 30_000

async function taken(stage: Stage): Promise<string> {
  const { token } = await stage.store.claim(stage.space, 'key', LONG)
  assert.ok(token, 'a free claim is given')
  return token
}

/** Each write of `key` that breaks a claim. */
const BREAKS: Record<string, (stage: Stage) => unknown> = {
  set: (stage) => stage.store.set(stage.space, 'key', stage.what('written'), stage.later),
  add: (stage) => stage.store.add(stage.space, 'key', stage.what('written'), stage.later),
  delete: (stage) => stage.store.delete(stage.space, 'key'),
  incr: (stage) => stage.store.incr(stage.space, 'key', 1, { initial: 0, expiresAt: stage.later }),
  setMany: (stage) =>
    stage.store.setMany(stage.space, new Map([['key', stage.what('written')]]), stage.later),
  deleteMany: (stage) => stage.store.deleteMany(stage.space, ['other', 'key']),
  clear: (stage) => stage.store.clear(stage.space),
  'release without a token': (stage) => stage.store.release(stage.space, 'key'),
}

export const claims = [
  onStage('F61 of two who claim, one gets it; after its release the next does', async (stage) => {
    const { store, space } = stage
    const token = await taken(stage)
    assert.equal((await store.claim(space, 'key', LONG)).token, undefined)
    await store.release(space, 'key', token)
    await taken(stage)
  }),
  onStage('a claim looks again: it answers what rests there now', async (stage) => {
    assert.equal((await stage.store.claim(stage.space, 'nothing', LONG)).stored, undefined)
    const what = stage.what('value')
    await stage.set('key', what)
    const { stored, token } = await stage.store.claim(stage.space, 'key', LONG)
    assert.ok(sameStored(stored, what))
    assert.ok(token)
  }),
  onStage('fill stores under the claim, and ends it', async (stage) => {
    const { store, space } = stage
    const token = await taken(stage)
    assert.equal(await store.fill(space, 'key', token, stage.what('made'), stage.later), true)
    await stage.holds('key', stage.what('made'))
    assert.equal(await store.fill(space, 'key', token, stage.what('again'), stage.later), false)
    await stage.holds('key', stage.what('made'))
    await taken(stage)
  }),
  ...Object.entries(BREAKS).map(([verb, write]) =>
    onStage(`F66 ${verb} breaks the claim: what was loaded before is not stored after`, async (stage) => {
      const { store, space } = stage
      const token = await taken(stage)
      await write(stage)
      const before = await store.get(space, 'key')
      assert.equal(await store.fill(space, 'key', token, stage.what('late'), stage.later), false)
      assert.ok(sameStored(await store.get(space, 'key'), before))
      assert.equal(await store.extend(space, 'key', token, LONG), false)
      await taken(stage)
    }),
  ),
  onStage('touch and replace break no claim', async (stage) => {
    const { store, space } = stage
    await stage.set('key', stage.what('old'))
    const token = await taken(stage)
    await store.touch(space, 'key', stage.later)
    const was = await store.get(space, 'key')
    assert.equal(await store.replace(space, 'key', was, stage.what('new'), stage.later), true)
    assert.equal(await store.fill(space, 'key', token, stage.what('made'), stage.later), true)
  }),
  onStage('writes of other keys break no claim', async (stage) => {
    const { store, space } = stage
    const token = await taken(stage)
    await stage.set('other', stage.what('value'))
    await stage.set('key', stage.what('value'), stage.later, stage.spaceOf(2))
    await store.delete(space, 'other')
    await store.clear(stage.spaceOf(1, `${stage.prefix}-other`))
    assert.equal(await store.fill(space, 'key', token, stage.what('made'), stage.later), true)
  }),
  onStage(
    'F62 a claim whose time is over goes to the next, and the first can store no more',
    async (stage) => {
      const { store, space } = stage
      const ms = Math.max(200, stage.context.granularity)
      const { token: first } = await store.claim(space, 'key', ms)
      await stage.passTo(stage.clock.now() + ms)
      const second = await taken(stage)
      assert.equal(await store.fill(space, 'key', first!, stage.what('late'), stage.later), false)
      assert.equal(await store.extend(space, 'key', first!, LONG), false)
      assert.equal(await store.fill(space, 'key', second, stage.what('made'), stage.later), true)
      await stage.holds('key', stage.what('made'))
    },
  ),
  onStage('extend holds a claim beyond its time', async (stage) => {
    const { store, space } = stage
    const ms = Math.max(500, 2 * stage.context.granularity)
    const { token } = await store.claim(space, 'key', ms)
    assert.equal(await store.extend(space, 'key', token!, LONG), true)
    await stage.passTo(stage.clock.now() + ms)
    assert.equal((await store.claim(space, 'key', LONG)).token, undefined)
    assert.equal(await store.fill(space, 'key', token!, stage.what('made'), stage.later), true)
  }),
  onStage("another's token neither fills, extends nor releases", async (stage) => {
    const { store, space } = stage
    const token = await taken(stage)
    assert.equal(await store.fill(space, 'key', 'not-it', stage.what('x'), stage.later), false)
    assert.equal(await store.extend(space, 'key', 'not-it', LONG), false)
    await store.release(space, 'key', 'not-it')
    assert.equal(await store.fill(space, 'key', token, stage.what('made'), stage.later), true)
  }),
  onStage('a claim is no entry: no verb sees it', async (stage) => {
    const { store, space } = stage
    await taken(stage)
    await stage.isGone('key')
    assert.equal(await store.has(space, 'key'), false, 'has')
    assert.equal((await store.getMany(space, ['key'])).size, 0, 'getMany')
    assert.equal(await store.peek(space, 'key'), undefined, 'peek')
    assert.equal(await store.touch(space, 'key', stage.later), false, 'touch')
    assert.equal(await store.incr(space, 'key', 1), undefined, 'incr')
    assert.equal(await store.delete(space, 'key'), false, 'delete')
  }),
]

/** For a shared backend: what one process does, the other sees. */
export const sharing = [
  onTwo('what one stores, the other reads, counts, touches and deletes', async (one, two) => {
    await one.set('key', one.what('value'))
    await two.holds('key', one.what('value'))
    await one.set('n', one.number(1))
    assert.equal(await two.store.incr(two.space, 'n', 1), 2)
    assert.equal(await one.store.incr(one.space, 'n', 1), 3)
    assert.equal(await two.store.touch(two.space, 'key', two.later), true)
    assert.equal(await two.store.add(two.space, 'key', two.what('second'), two.later), false)
    assert.equal(await two.store.delete(two.space, 'key'), true)
    await one.isGone('key')
  }),
  onTwo("F61 the claim holds for all, and another's write breaks it", async (one, two) => {
    const { token } = await one.store.claim(one.space, 'key', LONG)
    assert.ok(token)
    assert.equal((await two.store.claim(two.space, 'key', LONG)).token, undefined)
    await two.store.delete(two.space, 'key')
    assert.equal(await one.store.fill(one.space, 'key', token, one.what('late'), one.later), false)
    await two.isGone('key')
  }),
  onTwo('F66 clear by one breaks the claims of the other', async (one, two) => {
    const { token } = await one.store.claim(one.space, 'key', LONG)
    await two.store.clear(two.space)
    assert.equal(await one.store.fill(one.space, 'key', token!, one.what('late'), one.later), false)
  }),
  onTwo('of adds by both, one is true; no count is lost', async (one, two) => {
    await one.set('n', one.number(0))
    const racers = Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two))
    const added = await Promise.all(
      racers.map((stage, i) => stage.store.add(stage.space, 'key', stage.what(`${i}`), stage.later)),
    )
    assert.equal(added.filter(Boolean).length, 1)
    await Promise.all(racers.map((stage) => stage.store.incr(stage.space, 'n', 1)))
    await one.holds('n', one.number(20))
  }),
]

function onTwo(name: string, play: (one: Stage, two: Stage) => Promise<void>) {
  return onStage(name, async (one) => {
    const peer = needed(one.context.peer, 'peer')
    const two = new Stage(one.context, await peer(one.backend), one.prefix)
    try {
      await play(one, two)
    } finally {
      await two.store.close()
    }
  })
}
