import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type FileBackend, file } from '../../../src/backends/file/file.ts'
import { bytes, host, NEVER, place, spaceOf, text } from './cases.ts'

const space = spaceOf('shop')

function entryIn(directory: string): string {
  const name = readdirSync(directory, { recursive: true, encoding: 'utf8' }).find((each) =>
    each.endsWith('.warm'),
  )
  return join(directory, name!)
}

async function filled(): Promise<{
  backend: FileBackend
  directory: string
  entry: string
  told: ReturnType<typeof host>
}> {
  const directory = place()
  const backend = file({ directory })
  const told = host()
  backend.open?.(told)
  await backend.set(space, 'a', bytes('1'), NEVER)
  return { backend, directory, entry: entryIn(directory), told }
}

/** A directory of somebody else with one file in it. */
function victim(): { folder: string; path: string; untouched(): void } {
  const folder = `${place()}-victim`
  mkdirSync(folder)
  const path = join(folder, 'victim.txt')
  writeFileSync(path, 'precious', { mode: 0o644 })
  return {
    folder,
    path,
    untouched() {
      expect(readdirSync(folder)).toEqual(['victim.txt'])
      expect(readFileSync(path, 'utf8')).toBe('precious')
      expect(lstatSync(path).mode & 0o777).toBe(0o644)
    },
  }
}

describe('the cache directory', () => {
  it.each([0o000, 0o022, 0o777])(
    'A43 with umask %o every level is 0700 and every file 0600',
    async (umask) => {
      const directory = join(place(), 'several', 'levels')
      const before = process.umask(umask)
      try {
        const backend = file({ directory, maxEntries: 5 })
        for (let i = 0; i < 9; i++) await backend.set(space, `k${i}`, bytes('1'), NEVER)
        await backend.claim(space, 'c', 1000)
        expect(process.umask()).toBe(umask)
      } finally {
        process.umask(before)
      }
      const top = dirname(dirname(directory))
      const names = readdirSync(top, { recursive: true, encoding: 'utf8' })
      expect(names.length).toBeGreaterThan(10)
      for (const name of ['.', ...names]) {
        const stat = lstatSync(join(top, name))
        expect([name, stat.mode & 0o777]).toEqual([name, stat.isDirectory() ? 0o700 : 0o600])
      }
    },
  )

  it.each<[string, (directory: string) => void]>([
    ['everyone may write to it', (directory) => chmodSync(directory, 0o777)],
    ['its group may write to it', (directory) => chmodSync(directory, 0o770)],
    ['it lies where everyone may replace it', (directory) => chmodSync(dirname(directory), 0o777)],
    [
      'it is a link',
      (directory) => {
        renameSync(directory, `${directory}-real`)
        symlinkSync(`${directory}-real`, directory)
      },
    ],
    [
      'it is a file',
      (directory) => {
        rmSync(directory, { recursive: true })
        writeFileSync(directory, '')
      },
    ],
  ])('A44 is refused when %s, and taken with { force: true }', async (reason, spoil) => {
    const directory = place()
    mkdirSync(directory, { mode: 0o700 })
    spoil(directory)
    for (const reads of ['async', 'sync'] as const) {
      const backend = file({ directory, reads })
      for (const verb of [() => backend.get(space, 'a'), () => backend.set(space, 'a', bytes('1'), NEVER)]) {
        await expect((async () => verb())()).rejects.toMatchObject({ code: 'UNSAFE_DIRECTORY' })
      }
    }
    if (reason === 'it is a file') return
    expect(await file({ directory, force: true }).set(space, 'a', bytes('1'), NEVER)).toBe(true)
  })

  it('A44 is refused when another user owns it', async () => {
    let directory = '/usr'
    // Root owns that one, and alone can give one of its own away.
    if (process.getuid?.() === 0) {
      directory = place()
      mkdirSync(directory, { mode: 0o700 })
      chownSync(directory, 12_345, 12_345)
    }
    await expect(file({ directory }).get(space, 'a')).rejects.toMatchObject({ code: 'UNSAFE_DIRECTORY' })
  })

  it('A44 may lie in a sticky directory such as /tmp', async () => {
    const directory = place()
    chmodSync(dirname(directory), 0o1777)
    expect(await file({ directory }).set(space, 'a', bytes('1'), NEVER)).toBe(true)
  })
})

describe('what was put in the place of ours', () => {
  it('A41 a link in place of an entry is a miss, and is replaced and not followed', async () => {
    const { backend, entry } = await filled()
    const target = victim()
    rmSync(entry)
    symlinkSync(target.path, entry)
    expect(await backend.get(space, 'a')).toBeUndefined()
    expect(await backend.set(space, 'a', bytes('2'), NEVER)).toBe(true)
    expect(text(await backend.get(space, 'a'))).toBe('2')
    expect(lstatSync(entry).isSymbolicLink()).toBe(false)
    target.untouched()
  })

  it('A41 a link in place of a lock is not followed', async () => {
    const { backend, entry } = await filled()
    const target = victim()
    symlinkSync(target.path, entry.replace(/warm$/, 'lock'))
    expect(await backend.set(space, 'a', bytes('2'), NEVER)).toBe(true)
    expect(text(await backend.get(space, 'a'))).toBe('2')
    target.untouched()
  })

  it.each([1, 2])('A41 a link in place of a folder, %i up, is not written through', async (levels) => {
    const { backend, entry, told } = await filled()
    const target = victim()
    const folder = levels === 1 ? dirname(entry) : dirname(dirname(entry))
    rmSync(folder, { recursive: true })
    symlinkSync(target.folder, folder)
    expect(await backend.set(space, 'a', bytes('2'), NEVER)).toBe(false)
    expect(told.said).toEqual(['failed set UNSAFE_DIRECTORY'])
    target.untouched()
  })

  it('A42 a hard link to another file is a miss, and that file stays as it is', async () => {
    const { backend, entry } = await filled()
    const target = victim()
    for (const path of [entry, entry.replace(/warm$/, 'claim')]) {
      rmSync(path, { force: true })
      linkSync(target.path, path)
    }
    expect(await backend.get(space, 'a')).toBeUndefined()
    expect((await backend.claim(space, 'a', 1000)).token).toBeDefined()
    expect(await backend.set(space, 'a', bytes('2'), NEVER)).toBe(true)
    expect(await backend.touch(space, 'a', NEVER)).toBe(true)
    target.untouched()
  })

  it.each<[string, (path: string) => void]>([
    ['pipe', (path) => execFileSync('mkfifo', [path])],
    ['directory', (path) => mkdirSync(path)],
  ])('A42 a %s in place of an entry is a miss, and nothing waits for it', async (_, make) => {
    const { backend, directory, entry } = await filled()
    rmSync(entry)
    make(entry)
    expect(await backend.get(space, 'a')).toBeUndefined()
    expect(file({ directory, reads: 'sync' }).get(space, 'a')).toBeUndefined()
    await backend.set(space, 'a', bytes('2'), NEVER)
    expect(await backend.prune()).toBe(0)
    expect(statSync(directory).isDirectory()).toBe(true)
  })
})
