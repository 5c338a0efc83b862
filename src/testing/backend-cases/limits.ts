/** How a store that has a limit keeps it, and who goes. */
import assert from 'node:assert/strict'
import { needed, onStage, type Stage } from '../stage.ts'

function limitedTo(maxEntries: number, cullFrequency?: number) {
  return (context: Stage['context']) => needed(context.limited, 'limited')({ maxEntries, cullFrequency })
}

async function fill(stage: Stage, count: number): Promise<void> {
  for (let i = 1; i <= count; i++) await stage.set(`key${i}`, stage.what(`${i}`))
}

async function living(stage: Stage, count: number): Promise<number[]> {
  const left: number[] = []
  for (let i = 1; i <= count; i++) if (await stage.store.has(stage.space, `key${i}`)) left.push(i)
  return left
}

/** Django's way, with `cullFrequency`. */
export const culling = [
  onStage(
    'LOC-08 CUL 30 entries and a frequency of 3 leave 29 after 49 sets',
    async (stage) => {
      await fill(stage, 49)
      assert.equal((await living(stage, 49)).length, 29)
    },
    limitedTo(30, 3),
  ),
  onStage(
    'LOC-08 CUL 30 entries and a frequency of 0 leave 19 after 49 sets',
    async (stage) => {
      await fill(stage, 49)
      assert.equal((await living(stage, 49)).length, 19)
    },
    limitedTo(30, 0),
  ),
  onStage(
    'LOC-04 an overwrite evicts nobody',
    async (stage) => {
      await fill(stage, 9)
      for (let i = 1; i <= 9; i++) await stage.set(`key${i}`, stage.what('new'))
      assert.equal((await living(stage, 9)).length, 9)
    },
    limitedTo(9, 3),
  ),
  onStage(
    'LOC-06 where the share is less than one entry, one goes all the same',
    async (stage) => {
      await fill(stage, 10)
      assert.ok((await living(stage, 10)).length <= 2)
      await stage.holds('key10', stage.what('10'))
    },
    limitedTo(2, 3),
  ),
]

/** Left alone it holds its limit, one at a time. */
export const limits = [
  onStage(
    'the limit is kept, by add, incr and setMany as by set',
    async (stage) => {
      const { store, space } = stage
      await fill(stage, 40)
      for (let i = 41; i <= 50; i++) await store.add(space, `key${i}`, stage.what('a'), stage.later)
      for (let i = 51; i <= 60; i++)
        await store.incr(space, `key${i}`, 1, { initial: 0, expiresAt: stage.later })
      const more = new Map(Array.from({ length: 20 }, (_, i) => [`key${61 + i}`, stage.what('m')]))
      await store.setMany(space, more, stage.later)
      const { length } = await living(stage, 80)
      assert.ok(length <= 22, `${length} live of at most 20`)
      assert.ok(length >= 10, `${length} live of 20`)
    },
    limitedTo(20),
  ),
  onStage(
    'LOC-05 what has expired goes before what lives',
    async (stage) => {
      const end = stage.soon
      for (let i = 1; i <= 5; i++) await stage.set(`key${i}`, stage.what('old'))
      for (let i = 6; i <= 10; i++) await stage.set(`key${i}`, stage.what('brief'), end)
      await stage.passTo(end)
      for (let i = 11; i <= 15; i++) await stage.set(`key${i}`, stage.what('new'))
      assert.deepEqual(await living(stage, 15), [1, 2, 3, 4, 5, 11, 12, 13, 14, 15])
    },
    limitedTo(10),
  ),
  onStage(
    'an overwrite evicts nobody, and the newest always stays',
    async (stage) => {
      await fill(stage, 10)
      for (let i = 1; i <= 10; i++) await stage.set(`key${i}`, stage.what('new'))
      assert.equal((await living(stage, 10)).length, 10)
      for (let i = 11; i <= 60; i++) {
        await stage.set(`key${i}`, stage.what(`${i}`))
        await stage.holds(`key${i}`, stage.what(`${i}`))
      }
    },
    limitedTo(10),
  ),
]

/** Who goes is the least recently used. */
export const recency = [
  ...(
    [
      ['get', (stage: Stage) => stage.store.get(stage.space, 'key1')],
      ['set', (stage: Stage) => stage.set('key1', stage.number(5))],
      ['incr', (stage: Stage) => stage.store.incr(stage.space, 'key1', 1)],
      ['getMany', (stage: Stage) => stage.store.getMany(stage.space, ['key1'])],
    ] as const
  ).map(([verb, use]) =>
    onStage(
      `LOC-02 ${verb} is a use: another goes first`,
      async (stage) => {
        for (let i = 1; i <= 3; i++) await stage.set(`key${i}`, stage.number(i))
        await use(stage)
        await stage.set('key4', stage.number(4))
        assert.deepEqual(await living(stage, 4), [1, 3, 4])
      },
      limitedTo(3),
    ),
  ),
  ...(
    [
      ['has', (stage: Stage) => stage.store.has(stage.space, 'key1')],
      ['peek', (stage: Stage) => stage.store.peek(stage.space, 'key1')],
      ['touch', (stage: Stage) => stage.store.touch(stage.space, 'key1', stage.later)],
      ['a failed add', (stage: Stage) => stage.store.add(stage.space, 'key1', stage.number(9), stage.later)],
    ] as const
  ).map(([verb, use]) =>
    onStage(
      `LOC-02 ${verb} is no use: it goes first all the same`,
      async (stage) => {
        for (let i = 1; i <= 3; i++) await stage.set(`key${i}`, stage.number(i))
        await use(stage)
        await stage.set('key4', stage.number(4))
        assert.deepEqual(await living(stage, 4), [2, 3, 4])
      },
      limitedTo(3),
    ),
  ),
]
