import nodeFs, { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type FileBackend, openFiles } from '../../../src/backends/file/file.ts'
import type { Fs } from '../../../src/backends/file/io.ts'
import { createCaches } from '../../../src/index.ts'
import { bytes, host, NEVER, place, spaceOf, text } from './cases.ts'

const space = spaceOf('shop')

/** A disk that fails at one system call with one code, from when it is told to. */
function failingDisk() {
  let failing: { call: string; code: string; path: RegExp } | undefined
  let calls = 0
  const fault = () => Object.assign(new Error('injected'), { code: failing?.code, syscall: failing?.call })
  const fs = new Proxy(nodeFs, {
    get(target, name: keyof Fs) {
      const real = target[name] as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        const call = String(name).replace(/Sync$/, '')
        calls += 1
        if (failing?.call !== call || (typeof args[0] === 'string' && !failing.path.test(args[0]))) {
          return real.apply(target, args)
        }
        if (String(name).endsWith('Sync')) throw fault()
        const done = args.at(-1) as (error: Error) => void
        setImmediate(() => done(fault()))
      }
    },
  })
  return {
    fs: fs as Fs,
    calls: () => calls,
    fail: (call: string, code: string, path = /./) => {
      failing = { call, code, path }
    },
    heal: () => {
      failing = undefined
    },
  }
}

function open(reads: 'async' | 'sync') {
  const directory = place()
  const disk = failingDisk()
  const told = host()
  const backend: FileBackend = openFiles({ directory, reads }, disk.fs)
  backend.open?.(told)
  return { backend, disk, told, directory }
}

function left(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(lock|warm)$/.test(name),
  )
}

describe.each(['async', 'sync'] as const)('F42 F43 a disk that fails, reads: %s', (reads) => {
  it.each([
    ['open', 'ENOSPC', /\.lock$/],
    ['open', 'EMFILE', /\.lock$/],
    ['open', 'EROFS', /\.lock$/],
    ['open', 'EACCES', /\.lock$/],
    ['open', 'ENAMETOOLONG', /\.lock$/],
    ['write', 'ENOSPC', /./],
    ['write', 'EIO', /./],
    ['close', 'EIO', /./],
    ['rename', 'ENOSPC', /\.lock$/],
    ['rename', 'EXDEV', /\.lock$/],
  ])(
    'a set that fails in %s with %s is false, told once, and leaves neither the old value nor a draft',
    async (call, code, path) => {
      const { backend, disk, told, directory } = open(reads)
      await backend.set(space, 'a', bytes('old'), NEVER)
      await backend.set(space, 'b', bytes('other'), NEVER)
      disk.fail(call, code, path)
      expect(await backend.set(space, 'a', bytes('new'), NEVER)).toBe(false)
      if (call !== 'close') expect(text(await backend.get(space, 'b'))).toBe('other')
      disk.heal()
      expect(told.said).toEqual([`failed set ${code}`])
      expect(await backend.get(space, 'a')).toBeUndefined()
      expect(left(directory)).toHaveLength(1)
      expect(await backend.set(space, 'a', bytes('new'), NEVER)).toBe(true)
      expect(text(await backend.get(space, 'a'))).toBe('new')
    },
  )

  it.each(['EIO', 'EMFILE', 'EACCES'])(
    'a read that fails with %s is a miss, told once, and not tried in a loop',
    async (code) => {
      const { backend, disk, told } = open(reads)
      await backend.set(space, 'a', bytes('1'), NEVER)
      disk.fail('open', code)
      const before = disk.calls()
      expect(await backend.get(space, 'a')).toBeUndefined()
      expect(disk.calls() - before).toBeLessThan(5)
      expect(told.said).toEqual([`failed get ${code}`])
      disk.heal()
      expect(text(await backend.get(space, 'a'))).toBe('1')
    },
  )

  it('verbs that leave things as they were answer as if nothing was there', async () => {
    const { backend, disk, told } = open(reads)
    await backend.set(space, 'n', bytes('1'), NEVER)
    disk.fail('open', 'EIO', /\.lock$/)
    expect(await backend.incr(space, 'n', 1)).toBeUndefined()
    expect(await backend.touch(space, 'n', NEVER)).toBe(false)
    expect(await backend.add(space, 'm', bytes('1'), NEVER)).toBe(false)
    expect(await backend.replace(space, 'n', bytes('1'), bytes('2'), NEVER)).toBe(false)
    expect(told.said).toEqual(['incr', 'touch', 'add', 'replace'].map((verb) => `failed ${verb} EIO`))
    disk.heal()
    expect(text(await backend.get(space, 'n'))).toBe('1')
  })

  it('where an old value may have stayed the fault is thrown', async () => {
    const { backend, disk } = open(reads)
    await backend.set(space, 'a', bytes('1'), NEVER)
    disk.fail('unlink', 'EACCES')
    await expect((async () => backend.delete(space, 'a'))()).rejects.toMatchObject({ code: 'EACCES' })
  })

  it('a claim that cannot be written is a fault, and not "another holds it"', async () => {
    const { backend, disk } = open(reads)
    disk.fail('open', 'EROFS', /\.lock$/)
    await expect((async () => backend.claim(space, 'a', 1000))()).rejects.toMatchObject({ code: 'EROFS' })
  })
})

describe('F50 a slow disk', () => {
  it('has at most 64 writes under way', async () => {
    const directory = place()
    let now = 0
    let most = 0
    const fs = new Proxy(nodeFs, {
      get(target, name: keyof Fs) {
        if (name !== 'rename') return target[name]
        return (from: string, to: string, done: (error: Error | null) => void) => {
          now += 1
          most = Math.max(most, now)
          setTimeout(() => {
            now -= 1
            target.rename(from, to, done)
          }, 5)
        }
      },
    })
    const backend = openFiles({ directory }, fs as Fs)
    const stored = await Promise.all(
      Array.from({ length: 300 }, (_, i) => backend.set(space, `k${i}`, bytes('1'), NEVER)),
    )
    expect(stored.every(Boolean)).toBe(true)
    expect(most).toBeGreaterThan(8)
    expect(most).toBeLessThanOrEqual(64)
    await backend.close()
  })
})

describe('F48 A30 damaged files', () => {
  it('10,000 mutations of stored bytes give no value but the one that was stored', async () => {
    // The bytes are changed between the disk and the reader: ten thousand files would only wear the disk.
    let served: Buffer | undefined
    const fs = new Proxy(nodeFs, {
      get(target, name: keyof Fs) {
        if (name !== 'readSync' || !served) return target[name]
        return (_: number, into: Buffer, offset: number, length: number, position: number) =>
          served?.copy(into, offset, position, position + length)
      },
    })
    const directory = place()
    const told = host()
    const backend = openFiles({ directory, reads: 'sync' }, fs as Fs)
    backend.open?.(told)
    const value = Buffer.from(JSON.stringify({ name: 'an entry', list: [1, 2, 3], text: 'x'.repeat(200) }))
    await backend.set(space, 'a', value, NEVER)
    const path = join(directory, left(directory)[0]!)
    const whole = readFileSync(path)
    let seed = 1
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % below
    }
    const mutations: ((file: Buffer, i: number) => Buffer)[] = [
      (file, i) => file.subarray(0, i % file.length),
      (file, i) => {
        file[i % file.length]! ^= 1 << random(8)
        return file
      },
      (file, i) => file.fill(0, i % file.length),
      (file) => {
        file[random(file.length)] = random(256)
        file[random(64)] = random(256)
        return file
      },
      (file) => Buffer.concat([file, Buffer.alloc(1 + random(9), random(256))]),
      (file) => {
        file.writeUInt32BE(random(2 ** 31 - 1), 32 + 4 * random(2))
        return file
      },
    ]
    for (let i = 0; i < 10_000; i++) {
      const mutant = mutations[i % mutations.length]!(Buffer.from(whole), Math.floor(i / mutations.length))
      served = mutant
      const got = backend.get(space, 'a') as Buffer | undefined
      if (mutant.equals(whole)) expect(got).toEqual(value)
      else if (got !== undefined) expect.fail(`mutation ${i} gave a value`)
    }
    served = undefined
    writeFileSync(path, whole.subarray(0, 100))
    expect(backend.get(space, 'a')).toBeUndefined()
    expect(told.said.length).toBeGreaterThan(8000)
    expect(new Set(told.said)).toEqual(new Set(['corrupt shop:1:a']))
    expect(backend.set(space, 'a', value, NEVER)).toBe(true)
    expect(backend.get(space, 'a')).toEqual(value)
  })

  it('a large entry that rests under its own checksum is a miss for every verb once it is damaged anywhere', async () => {
    const directory = place()
    const cache = createCaches({
      default: { backend: openFiles({ directory, reads: 'sync' }, nodeFs) },
    }).default
    const value = Buffer.alloc(20_000, 'large')
    await cache.set('a', value)
    const path = join(directory, left(directory)[0]!)
    const whole = readFileSync(path)
    const damaged = [
      ...Array.from({ length: 300 }, (_, i) => {
        const file = Buffer.from(whole)
        // Every byte of the header and of the payload's, then some further in.
        const at = i < 100 ? i : Math.floor(((i - 100) * whole.length) / 200)
        file[at]! ^= 1 << (i % 8)
        return file
      }),
      Buffer.from(whole).fill(0, 15_000),
      Buffer.concat([whole.subarray(0, 15_000), Buffer.alloc(whole.length - 15_000, '1')]),
      whole.subarray(0, -1),
      Buffer.concat([whole, Buffer.alloc(1)]),
    ]
    for (const [i, file] of damaged.entries()) {
      writeFileSync(path, file)
      expect(await cache.get('a'), `get, damage ${i}`).toBeUndefined()
      expect(await cache.has('a'), `has, damage ${i}`).toBe(false)
    }
    expect(await cache.touch('a')).toBe(false)
    expect(await cache.add('a', value)).toBe(true)
    expect(await cache.get('a')).toEqual(value)
    await cache.close()
  })

  it('a file put in the place of another is a miss', async () => {
    const { backend, directory } = open('async')
    await backend.set(space, 'a', bytes('of a'), NEVER)
    const [first] = left(directory)
    await backend.set(space, 'b', bytes('of b'), NEVER)
    const second = left(directory).find((name) => name !== first)!
    writeFileSync(join(directory, second), readFileSync(join(directory, first!)))
    expect(await backend.get(space, 'b')).toBeUndefined()
    expect(text(await backend.get(space, 'a'))).toBe('of a')
  })
})
