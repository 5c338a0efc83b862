import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { checkCaches, dummy, file, memory, object } from '../../src/index.ts'

const folders: string[] = []

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'stillwarm-check-'))
  folders.push(path)
  return path
}

afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true })
})

/** The ids for one cache in files and one public folder. */
function ids(directory: string | URL, ...publicDirs: (string | URL)[]): string[] {
  return checkCaches({ default: { backend: file({ directory }) } }, { publicDirs }).map(({ id }) => id)
}

describe('checkCaches', () => {
  it('CHK-01 a configuration without default is caches.E001', () => {
    expect(checkCaches({ other: { backend: memory() } })).toEqual([
      {
        id: 'caches.E001',
        alias: 'default',
        message: "You must define a 'default' cache in your configuration.",
        hint: expect.stringContaining('createCaches'),
      },
    ])
    expect(checkCaches({ default: { backend: memory() } })).toEqual([])
  })

  it('CHK-02 a cache directory that is, is inside or contains a public one is caches.W002, by its alias', () => {
    const root = folder()
    const shown = join(root, 'public')
    const config = {
      default: { backend: memory() },
      same: { backend: file({ directory: shown }) },
      inside: { backend: file({ directory: join(shown, 'deep/cache') }) },
      around: { backend: file({ directory: root }) },
      beside: { backend: file({ directory: join(root, 'public-cache') }) },
    }
    const found = checkCaches(config, { publicDirs: [shown] })
    expect(found.map(({ id, alias }) => [id, alias])).toEqual([
      ['caches.W002', 'same'],
      ['caches.W002', 'inside'],
      ['caches.W002', 'around'],
    ])
    for (const [i, relation] of ['matches', 'is inside', 'contains'].entries()) {
      expect(found[i]?.message).toContain(
        `Your '${found[i]?.alias}' cache configuration might expose your cache or lead to corruption of your data because its directory ${relation} `,
      )
    }
    expect(checkCaches(config)).toEqual([])
  })

  it('CHK-02 paths are resolved before they are compared: dots, slashes, URLs and links', () => {
    const root = folder()
    const shown = join(root, 'public')
    mkdirSync(shown)
    symlinkSync(shown, join(root, 'link'))
    expect(ids(`${root}/x/../public/`, shown)).toEqual(['caches.W002'])
    expect(ids(pathToFileURL(shown), pathToFileURL(`${shown}/`))).toEqual(['caches.W002'])
    expect(ids(join(root, 'link/not/yet/there'), shown)).toEqual(['caches.W002'])
    expect(ids(join(shown, 'cache'), join(root, 'link'))).toEqual(['caches.W002'])
    expect(ids(join(root, '..public'), join(root, 'public'))).toEqual([])
    expect(ids(join(root, '..cache'), root)).toEqual(['caches.W002'])
  })

  it('CHK-02 pairs of a mount and its path are unwrapped, what is unset is skipped, each folder is told', () => {
    const root = folder()
    const publicDirs = [undefined, '', ['/static', root], [`/media`, pathToFileURL(root)]] as const
    const found = checkCaches({ default: { backend: file({ directory: root }) } }, { publicDirs })
    expect(found.map(({ id }) => id)).toEqual(['caches.W002', 'caches.W002'])
  })

  it('CHK-03 a relative directory is caches.W003, whatever is public', () => {
    expect(ids('cache')).toEqual(['caches.W003'])
    expect(ids('./cache/../cache')).toEqual(['caches.W003'])
    expect(ids(join(folder(), 'cache'))).toEqual([])
    const root = folder()
    expect(ids(relative(process.cwd(), root), root)).toEqual(['caches.W002', 'caches.W003'])
  })

  it('CHK-04 backends without files are never flagged', () => {
    const config = {
      default: { backend: memory() },
      object: { backend: object() },
      dummy: { backend: dummy() },
    }
    expect(checkCaches(config, { publicDirs: ['/', '.', process.cwd()] })).toEqual([])
  })

  it('what wraps the file backend is checked as it is', () => {
    const mine = { ...file({ directory: 'cache' }), name: 'mine' }
    expect(checkCaches({ default: { backend: mine } }).map(({ id }) => id)).toEqual(['caches.W003'])
  })

  it('opens nothing', () => {
    const directory = join(folder(), 'cache')
    ids(directory, directory)
    expect(() => rmSync(directory)).toThrow(/ENOENT/)
  })

  it('refuses what is no configuration, no path and no option of its own', () => {
    const config = { default: { backend: memory() } }
    const refused: [options: object, code: string][] = [
      [{ publicDirs: '/var/www' }, 'INVALID_OPTION'],
      [{ publicDirs: [7] }, 'INVALID_OPTION'],
      [{ publicDirs: [['/static', null]] }, 'INVALID_OPTION'],
      [{ publicDir: [] }, 'UNKNOWN_OPTION'],
    ]
    for (const [options, expected] of refused) {
      expect(() => checkCaches(config, options)).toThrow(expect.objectContaining({ code: expected }))
    }
    expect(() => checkCaches([] as never)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }))
  })
})
