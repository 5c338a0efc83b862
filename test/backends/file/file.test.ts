import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FileBackend, type FileOptions, file } from '../../../src/backends/file/file.ts'
import { GRACED } from '../../../src/core/values/entry.ts'
import { bytes, host, NEVER, otherSpace, place, spaceOf, text } from './cases.ts'

const space = spaceOf('shop')

function open(options: Partial<FileOptions> = {}): {
  backend: FileBackend
  told: ReturnType<typeof host>
  directory: string
} {
  const directory = String(options.directory ?? place())
  const backend = file({ ...options, directory })
  const told = host()
  backend.open?.(told)
  return { backend, told, directory }
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.warm'),
  )
}

async function entries(backend: FileBackend): Promise<number> {
  return (await backend.size()).entries
}

describe.each(['async', 'sync'] as const)('file({ reads: %s })', (reads) => {
  it('FIL-04 FIL-05 gives back what was set, and nothing for what was not', async () => {
    const { backend, directory } = open({ reads })
    expect(await backend.get(space, 'a')).toBeUndefined()
    expect(existsSync(directory)).toBe(false)
    expect(await backend.set(space, 'a', bytes('one'), NEVER)).toBe(true)
    expect(text(await backend.get(space, 'a'))).toBe('one')
    expect(await backend.set(space, 'a', bytes('two'), NEVER)).toBe(true)
    expect(text(await backend.get(space, 'a'))).toBe('two')
    expect(await backend.has(space, 'a')).toBe(true)
    expect(await backend.has(space, 'b')).toBe(false)
    expect(filesIn(directory)).toHaveLength(1)
  })

  it('answers at once where every method is promised to, and promises elsewhere', () => {
    const { backend } = open({ reads })
    expect(backend.sync).toBe(reads === 'sync')
    const answers = [
      backend.get(space, 'a'),
      backend.set(space, 'a', bytes('1'), NEVER),
      backend.add(space, 'b', bytes('1'), NEVER),
      backend.touch(space, 'a', NEVER),
      backend.incr(space, 'a', 1),
      backend.has(space, 'a'),
      backend.peek(space, 'a'),
      backend.replace(space, 'a', bytes('1'), bytes('2'), NEVER),
      backend.claim(space, 'a', 10),
      backend.release(space, 'a'),
      backend.delete(space, 'a'),
      backend.clear(space),
      backend.prune(),
      backend.size(),
      backend.close(),
    ]
    expect(answers.every((answer) => answer instanceof Promise === (reads === 'async'))).toBe(true)
    return Promise.all(answers)
  })

  it('sizes from nothing to several reads come back byte for byte', async () => {
    const { backend } = open({ reads })
    for (const size of [0, 1, 1024, 32_767, 32_768, 131_007, 131_008, 131_072, 131_073, 700_000]) {
      const value = Buffer.alloc(size, `${size};`)
      await backend.set(space, 'a', value, NEVER)
      const first = (await backend.get(space, 'a')) as Buffer
      await backend.get(space, 'other')
      await backend.set(space, 'b', Buffer.alloc(size, 1), NEVER)
      await backend.get(space, 'b')
      expect(first.equals(value)).toBe(true)
    }
  })

  it('KEY-01 A09 any string is a key, none is a path, and none meets another', async () => {
    const { backend, directory } = open({ reads })
    const keys = [
      '../up',
      '..\\up',
      '/etc/passwd',
      'C:\\x',
      '%2e%2e',
      'CON',
      'dot.',
      'a\0b',
      'é',
      'e\u0301',
      '\ud800',
      '\udbff',
      '\ufffd',
      'A',
      'a',
      'x'.repeat(5000),
    ]
    for (const key of keys) await backend.set(space, key, bytes(`of ${key}`), NEVER)
    for (const key of keys) expect((await backend.get(space, key)) as Buffer).toEqual(bytes(`of ${key}`))
    expect(readdirSync(dirname(directory))).toEqual(['cache'])
    expect(filesIn(directory)).toHaveLength(keys.length)
    await backend.clear(space)
    expect(filesIn(directory)).toHaveLength(0)
  })

  it('two spaces with one storage key meet the same file', async () => {
    const { backend } = open({ reads })
    await backend.set(spaceOf('a'), 'k', bytes('1'), NEVER)
    expect(text(await backend.get(otherSpace('a:1:'), 'k'))).toBe('1')
  })

  it('TMO-11 at its instant an entry is over for every verb, and FIL-06 reading removes it', async () => {
    const { backend, told, directory } = open({ reads })
    const end = told.clock.now() + 1000
    const make = () => backend.set(space, 'a', bytes('1'), end)
    await make()
    told.clock.advance(999)
    expect(text(await backend.get(space, 'a'))).toBe('1')
    told.clock.advance(1)
    expect(await backend.has(space, 'a')).toBe(false)
    await make()
    expect(await backend.delete(space, 'a')).toBe(false)
    await make()
    expect(await backend.touch(space, 'a', NEVER)).toBe(false)
    await make()
    expect(await backend.incr(space, 'a', 1)).toBeUndefined()
    await make()
    expect(await backend.replace(space, 'a', bytes('1'), bytes('2'), NEVER)).toBe(false)
    await make()
    expect(await backend.get(space, 'a')).toBeUndefined()
    expect(filesIn(directory)).toEqual([])
    expect(told.said).toContain('evicted shop:1:a expired')
    await make()
    expect(await backend.add(space, 'a', bytes('3'), NEVER)).toBe(true)
    expect(text(await backend.get(space, 'a'))).toBe('3')
  })

  it('ADD-01 add stores only where nothing lives', async () => {
    const { backend } = open({ reads })
    const won = await Promise.all(
      ['1', '2', '3'].map((value) => backend.add(space, 'a', bytes(value), NEVER)),
    )
    expect(won).toEqual([true, false, false])
    expect(text(await backend.get(space, 'a'))).toBe('1')
  })

  it('FIL-10 delete is true only for what lived', async () => {
    const { backend } = open({ reads })
    await backend.set(space, 'a', bytes('1'), NEVER)
    expect([await backend.delete(space, 'a'), await backend.delete(space, 'a')]).toEqual([true, false])
  })

  it('FIL-07 touch moves the end, and leaves what has times of its own to the handle', async () => {
    const { backend, told } = open({ reads })
    const end = told.clock.now() + 10
    await backend.set(space, 'a', bytes('1'), end)
    expect(await backend.touch(space, 'a', end + 1000)).toBe(true)
    told.clock.advance(500)
    expect(await backend.peek(space, 'a')).toEqual({
      stored: bytes('1'),
      expiresAt: end + 1000,
      createdAt: end - 10,
    })
    await backend.set(space, 'b', Buffer.from([GRACED, 1]), NEVER)
    expect(await backend.touch(space, 'b', end + 5000)).toBe('graced')
    expect(await backend.touch(space, 'c', end)).toBe(false)
  })

  it('INC-01 incr counts exactly, keeps the end, and refuses what is no whole number', async () => {
    const { backend, told } = open({ reads })
    const end = told.clock.now() + 1000
    expect(await backend.incr(space, 'n', 1)).toBeUndefined()
    expect(await backend.incr(space, 'n', 2, { initial: 5, expiresAt: end })).toBe(7)
    expect(await backend.incr(space, 'n', -10, { initial: 5, expiresAt: NEVER })).toBe(-3)
    expect((await backend.peek(space, 'n'))?.expiresAt).toBe(end)
    await backend.set(space, 'n', bytes(String(Number.MAX_SAFE_INTEGER)), NEVER)
    await expect((async () => backend.incr(space, 'n', 1))()).rejects.toThrow(RangeError)
    expect(text(await backend.get(space, 'n'))).toBe(String(Number.MAX_SAFE_INTEGER))
    for (const value of ['1.5', '', 'x', '1e3', ' 1', '0x1']) {
      await backend.set(space, 'n', bytes(value), NEVER)
      await expect((async () => backend.incr(space, 'n', 1))()).rejects.toMatchObject({
        code: 'NOT_A_NUMBER',
      })
    }
  })

  it('replace stores only over what was seen', async () => {
    const { backend } = open({ reads })
    await backend.set(space, 'a', bytes('1'), NEVER)
    expect(await backend.replace(space, 'a', bytes('2'), bytes('3'), NEVER)).toBe(false)
    expect(await backend.replace(space, 'a', bytes('1'), bytes('3'), NEVER)).toBe(true)
    expect(text(await backend.get(space, 'a'))).toBe('3')
  })

  it('FIL-09 clear removes what this cache owns, all versions, and nothing else', async () => {
    const { backend, directory } = open({ reads })
    const others = [spaceOf('shop2'), spaceOf('shop:eu'), spaceOf(''), otherSpace('app-1-')]
    for (const each of [space, spaceOf('shop', 2), ...others]) await backend.set(each, 'a', bytes('1'), NEVER)
    writeFileSync(join(directory, 'mine.txt'), 'x')
    await backend.clear(space)
    expect(await backend.has(space, 'a')).toBe(false)
    expect(await backend.has(spaceOf('shop', 2), 'a')).toBe(false)
    for (const other of others) expect(await backend.has(other, 'a')).toBe(true)
    await backend.clear(otherSpace('app-1-'))
    expect(await entries(backend)).toBe(3)
    await backend.clear('everything')
    expect(await entries(backend)).toBe(0)
    expect(readFileSync(join(directory, 'mine.txt'), 'utf8')).toBe('x')
  })

  it('clear of keys that do not say how they begin is refused, never a silent success', async () => {
    const { backend } = open({ reads })
    const unknown = { ...otherSpace('x'), start: undefined }
    await backend.set(unknown, 'a', bytes('1'), NEVER)
    await expect((async () => backend.clear(unknown))()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  it('a claim keeps others out until it ends, is released or its time is over', async () => {
    const { backend, told } = open({ reads })
    const first = await backend.claim(space, 'a', 1000)
    expect(first).toEqual({ token: expect.any(String) })
    expect(await backend.claim(space, 'a', 1000)).toEqual({})
    expect(await backend.extend(space, 'a', first.token!, 2000)).toBe(true)
    told.clock.advance(1500)
    expect(await backend.claim(space, 'a', 1000)).toEqual({})
    expect(await backend.extend(space, 'a', 'other', 2000)).toBe(false)
    told.clock.advance(500)
    const second = await backend.claim(space, 'a', 1000)
    expect(second.token).toBeDefined()
    expect(await backend.fill(space, 'a', first.token!, bytes('late'), NEVER)).toBe(false)
    expect(await backend.fill(space, 'a', second.token!, bytes('new'), NEVER)).toBe(true)
    expect(await backend.fill(space, 'a', second.token!, bytes('twice'), NEVER)).toBe(false)
    const third = await backend.claim(space, 'a', 1000)
    expect(third).toEqual({ stored: bytes('new'), token: expect.any(String) })
    await backend.release(space, 'a', 'other')
    expect((await backend.claim(space, 'a', 1000)).token).toBeUndefined()
    await backend.release(space, 'a', third.token)
    const fourth = await backend.claim(space, 'a', 1000)
    expect(fourth.token).toBeDefined()
    await backend.release(space, 'a')
    expect(await backend.fill(space, 'a', fourth.token!, bytes('x'), NEVER)).toBe(false)
  })

  it.each<[string, string, boolean, (backend: FileBackend, now: number) => unknown]>([
    ['set', 'there', true, (b) => b.set(space, 'a', bytes('9'), NEVER)],
    ['set', 'missing', true, (b) => b.set(space, 'a', bytes('9'), NEVER)],
    ['set of the same', 'there', true, (b) => b.set(space, 'a', bytes('1'), NEVER)],
    ['add', 'missing', true, (b) => b.add(space, 'a', bytes('9'), NEVER)],
    ['incr', 'there', true, (b) => b.incr(space, 'a', 0)],
    ['delete', 'there', true, (b) => b.delete(space, 'a')],
    ['delete', 'missing', true, (b) => b.delete(space, 'a')],
    ['clear', 'there', true, (b) => b.clear(space)],
    ['clear', 'missing', true, (b) => b.clear(space)],
    ['clear of everything', 'missing', true, (b) => b.clear('everything')],
    [
      'a set that expires and is swept',
      'missing',
      true,
      async (b, now) => {
        await b.set(space, 'a', bytes('9'), now + 10)
        return 'sweep'
      },
    ],
    ['touch', 'there', false, (b) => b.touch(space, 'a', NEVER)],
    ['replace', 'there', false, (b) => b.replace(space, 'a', bytes('1'), bytes('9'), NEVER)],
    ['get', 'there', false, (b) => b.get(space, 'a')],
    ['the end of what was there, swept', 'ending', false, () => 'sweep'],
  ])('%s where it is %s breaks a claim: %s', async (_, state, breaks, act) => {
    const { backend, told } = open({ reads })
    const now = told.clock.now()
    if (state !== 'missing') await backend.set(space, 'a', bytes('1'), state === 'ending' ? now + 10 : NEVER)
    const { token } = await backend.claim(space, 'a', 1000)
    if ((await act(backend, now)) === 'sweep') {
      told.clock.advance(20)
      await backend.prune()
    }
    expect(await backend.fill(space, 'a', token!, bytes('late'), NEVER)).toBe(!breaks)
  })

  it('a claim is no entry: no verb sees it, no count and no cull', async () => {
    const { backend } = open({ reads, maxEntries: 2 })
    await backend.claim(space, 'a', 1000)
    expect(await backend.get(space, 'a')).toBeUndefined()
    expect(await backend.delete(space, 'b')).toBe(false)
    expect(await entries(backend)).toBe(0)
    await backend.set(space, 'b', bytes('1'), NEVER)
    await backend.set(space, 'c', bytes('1'), NEVER)
    expect(await entries(backend)).toBe(2)
  })

  it.each([
    [3, 29],
    [0, 19],
  ])('FIL-11 49 sets into 30 with cullFrequency %s leave %s', async (cullFrequency, left) => {
    const { backend } = open({ reads, maxEntries: 30, cullFrequency })
    for (let i = 0; i < 49; i++) expect(await backend.set(space, `k${i}`, bytes('1'), NEVER)).toBe(true)
    expect(await entries(backend)).toBe(left)
  })

  it('culling takes expired entries first, then those stored longest ago; an overwrite takes nobody', async () => {
    const { backend, told } = open({ reads, maxEntries: 9 })
    for (let i = 0; i < 9; i++) {
      await backend.set(space, `k${i}`, bytes('1'), i === 5 ? told.clock.now() + 3 : NEVER)
      told.clock.advance(1)
    }
    for (let i = 0; i < 30; i++) await backend.set(space, 'k8', bytes('1'), NEVER)
    expect(await entries(backend)).toBe(9)
    await backend.set(space, 'one more', bytes('1'), NEVER)
    expect(told.said).toEqual(['evicted shop:1:k5 expired'])
    told.clock.advance(1)
    await backend.set(space, 'and more', bytes('1'), NEVER)
    expect(told.said.slice(1).sort()).toEqual([0, 1, 2].map((i) => `evicted shop:1:k${i} room`))
  })

  it('what is deleted or cleared makes room', async () => {
    const { backend, told } = open({ reads, maxEntries: 10 })
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 9; i++) await backend.set(space, `k${round} ${i}`, bytes('1'), NEVER)
      if (round % 2) await backend.clear(space)
      else for (let i = 0; i < 9; i++) await backend.delete(space, `k${round} ${i}`)
    }
    expect(told.said).toEqual([])
  })

  it.each([-1, 0, 1, 2])('CUL-01 maxEntries %s stores the new key all the same', async (maxEntries) => {
    const { backend } = open({ reads, maxEntries })
    for (const key of ['a', 'b', 'c']) {
      expect(await backend.set(space, key, bytes('1'), NEVER)).toBe(true)
      expect(await backend.has(space, key)).toBe(true)
      expect(await entries(backend)).toBeLessThanOrEqual(Math.max(1, maxEntries))
    }
  })

  it('a directory that other processes filled is counted before it is filled further', async () => {
    const first = open({ reads, maxEntries: 20 })
    for (let i = 0; i < 15; i++) await first.backend.set(space, `a${i}`, bytes('1'), NEVER)
    const second = open({ reads, maxEntries: 20, directory: first.directory })
    for (let i = 0; i < 15; i++) await second.backend.set(space, `b${i}`, bytes('1'), NEVER)
    expect(await entries(second.backend)).toBeLessThanOrEqual(20)
  })

  it('prune removes what has expired and says how many', async () => {
    const { backend, told } = open({ reads })
    for (let i = 0; i < 20; i++)
      await backend.set(space, `k${i}`, bytes('1'), told.clock.now() + (i < 7 ? 5 : 50))
    told.clock.advance(5)
    expect(await backend.prune()).toBe(7)
    expect(await entries(backend)).toBe(13)
  })

  it('F46 orphans of dead processes are swept after an hour, and are never entries', async () => {
    const { backend, directory } = open({ reads })
    await backend.set(space, 'a', bytes('1'), NEVER)
    const shard = join(directory, dirname(filesIn(directory)[0]!))
    const name = filesIn(directory)[0]!.split('/').at(-1)!.slice(0, 2)
    const orphans = Array.from({ length: 1000 }, (_, i) =>
      join(shard, `${name}${String(i).padStart(62, '0')}.lock`),
    )
    const old = Date.now() / 1000 - 3700
    for (const [i, path] of orphans.entries()) {
      writeFileSync(path, '')
      if (i < 990) utimesSync(path, old, old)
    }
    expect(await entries(backend)).toBe(1)
    await backend.prune()
    expect(orphans.filter((path) => existsSync(path))).toHaveLength(10)
    expect(text(await backend.get(space, 'a'))).toBe('1')
  })

  it('F44 a directory deleted at run time is a miss, and made again by the next set', async () => {
    const { backend, directory } = open({ reads })
    await backend.set(space, 'a', bytes('1'), NEVER)
    rmSync(directory, { recursive: true })
    expect(await backend.get(space, 'a')).toBeUndefined()
    expect(await backend.delete(space, 'a')).toBe(false)
    expect(await backend.set(space, 'a', bytes('2'), NEVER)).toBe(true)
    expect(text(await backend.get(space, 'a'))).toBe('2')
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    await backend.clear(space)
    expect(await backend.has(space, 'a')).toBe(false)
  })

  it('F92 an entry of another layout is a miss and left alone until it is written over', async () => {
    const { backend, directory, told } = open({ reads })
    await backend.set(space, 'a', bytes('1'), NEVER)
    const path = join(directory, filesIn(directory)[0]!)
    const foreign = readFileSync(path)
    foreign[3] = 2
    writeFileSync(path, foreign)
    expect(await backend.get(space, 'a')).toBeUndefined()
    expect(readFileSync(path).equals(foreign)).toBe(true)
    expect(told.said).toEqual([])
    expect(await backend.set(space, 'a', bytes('2'), NEVER)).toBe(true)
    expect(text(await backend.get(space, 'a'))).toBe('2')
  })

  it('behaves as a map does, whatever is asked in whatever order', async () => {
    const step = fc.record({
      verb: fc.constantFrom('get', 'set', 'add', 'delete', 'incr', 'touch', 'clear', 'wait'),
      key: fc.constantFrom('a', 'b', 'c'),
      ttl: fc.constantFrom(1, 3, 1000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { backend, told } = open({ reads })
        const model = new Map<string, { value: number; end: number }>()
        const live = (key: string) => {
          const found = model.get(key)
          return found && found.end > told.clock.now() ? found : undefined
        }
        for (const [i, { verb, key, ttl }] of steps.entries()) {
          const end = told.clock.now() + ttl
          const was = live(key)
          if (verb === 'get') expect(text(await backend.get(space, key))).toBe(was && String(was.value))
          if (verb === 'set') await backend.set(space, key, bytes(String(i)), end)
          if (verb === 'add') expect(await backend.add(space, key, bytes(String(i)), end)).toBe(!was)
          if (verb === 'set' || (verb === 'add' && !was)) model.set(key, { value: i, end })
          if (verb === 'delete') expect(await backend.delete(space, key)).toBe(was !== undefined)
          if (verb === 'incr') expect(await backend.incr(space, key, 2)).toBe(was && was.value + 2)
          if (verb === 'incr' && was) was.value += 2
          if (verb === 'touch') expect(await backend.touch(space, key, end)).toBe(was !== undefined)
          if (verb === 'touch' && was) was.end = end
          if (verb === 'delete') model.delete(key)
          if (verb === 'clear') {
            await backend.clear(space)
            model.clear()
          }
          if (verb === 'wait') told.clock.advance(1)
        }
        await backend.close()
      }),
      { numRuns: 15 },
    )
  })
})

describe('file(options)', () => {
  it('FIL-12 takes a path, a URL, a trailing slash, a relative path', async () => {
    const directory = place()
    await file({ directory: `${directory}/` }).set(space, 'a', bytes('1'), NEVER)
    expect(text(await file({ directory: pathToFileURL(directory) }).get(space, 'a'))).toBe('1')
    expect(
      text(
        await file({ directory: join('.', directory.replace(/^\/+/, '../../../../../../../../../')) }).get(
          space,
          'a',
        ),
      ),
    ).toBe('1')
  })

  it.each<[object, string]>([
    [{ directory: 'x', maxEntry: 5 }, 'UNKNOWN_OPTION'],
    [{ directory: 'x', maxEntries: '5' }, 'INVALID_OPTION'],
    [{ directory: 'x', maxEntries: 1.5 }, 'INVALID_OPTION'],
    [{ directory: 'x', cullFrequency: -1 }, 'INVALID_OPTION'],
    [{ directory: 'x', reads: 'fast' }, 'INVALID_OPTION'],
    [{ directory: 'x', force: 1 }, 'INVALID_OPTION'],
    [{ directory: '' }, 'INVALID_OPTION'],
    [{ directory: 'a\0b' }, 'INVALID_OPTION'],
    [{}, 'INVALID_OPTION'],
  ])('%o is refused before any file is touched', (options, code) => {
    expect(() => file(options as FileOptions)).toThrow(expect.objectContaining({ code }))
  })

  it('an unknown option is answered with the nearest right name', () => {
    expect(() => file({ directory: 'x', maxEntrys: 1 } as FileOptions)).toThrow('maxEntries')
  })

  it('nothing is opened or made before the first verb', () => {
    const directory = place()
    file({ directory }).open?.(host())
    expect(existsSync(directory)).toBe(false)
  })

  it("its methods work when copied off it, so that a backend of one's own can wrap it", async () => {
    const backend = file({ directory: place() })
    const mine = { ...backend, name: 'mine' }
    await mine.set(space, 'a', bytes('1'), NEVER)
    const { get } = mine
    expect(text(await get(space, 'a'))).toBe('1')
  })

  it('close waits for what is under way', async () => {
    const { backend, directory } = open()
    const writes = Array.from({ length: 100 }, (_, i) => backend.set(space, `k${i}`, bytes('1'), NEVER))
    await backend.close()
    expect(filesIn(directory)).toHaveLength(100)
    await Promise.all(writes)
  })

  it('what lies in a folder of ours and is not ours survives a clear, where it was', async () => {
    const { backend, directory } = open()
    await backend.set(space, 'a', bytes('1'), NEVER)
    const entry = join(directory, filesIn(directory)[0]!)
    const foreign = [join(dirname(entry), 'note.txt'), entry.replace(/.{8}\.warm$/, '00000000.warm')]
    for (const path of foreign)
      writeFileSync(path, 'somebody else wrote this, and it is longer than a header of ours is')
    await backend.clear(space)
    expect(existsSync(entry)).toBe(false)
    for (const path of foreign) expect(readFileSync(path, 'utf8')).toMatch(/^somebody/)
    await backend.clear('everything')
    for (const path of foreign) expect(readFileSync(path, 'utf8')).toMatch(/^somebody/)
  })

  it('A45 a directory that was never ours is left as it is by clear and prune', async () => {
    const directory = place()
    mkdirSync(join(directory, 'sub'), { recursive: true, mode: 0o700 })
    writeFileSync(join(directory, 'sub', `${'0'.repeat(64)}.warm`), '')
    const { backend } = open({ directory })
    await backend.clear('everything')
    await backend.prune()
    expect(readdirSync(directory, { recursive: true })).toHaveLength(2)
  })

  it('F49 a large cache is culled behind, in slices that hold nobody up', async () => {
    const { backend, told } = open({ maxEntries: 1200 })
    for (let i = 0; i < 24; i++) {
      await Promise.all(
        Array.from({ length: 60 }, (_, j) => backend.set(space, `k${i} ${j}`, bytes('1'), NEVER)),
      )
      told.clock.advance(1)
      expect(await entries(backend)).toBeLessThanOrEqual(1320)
    }
    for (const end = Date.now() + 10_000; (await entries(backend)) > 1180 && Date.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(await entries(backend)).toBeGreaterThan(600)
    expect(await entries(backend)).toBeLessThan(1200)
    expect(told.said.filter((said) => said.startsWith('failed'))).toEqual([])
    await backend.close()
  })
})
