/** What the three doors refuse, before anything is opened: by the name of the option, never with what was given. */
import { describe, expect, it } from 'vitest'
import { mysql, postgres, sqlite } from '../../../src/backends/sql/sql.ts'

const CANARY = 'canary-7f3a9c'
const servers = { postgres: `postgres://shop:${CANARY}@host/db`, mysql: `mysql://shop:${CANARY}@host/db` }

/** As from JavaScript, where nobody checks types. */
const doors: Record<string, (options: unknown) => unknown> = {
  postgres: (options) => Reflect.apply(postgres, undefined, [options]),
  mysql: (options) => Reflect.apply(mysql, undefined, [options]),
  sqlite: (options) => Reflect.apply(sqlite, undefined, [options]),
}

const everywhere: [options: object, says: RegExp][] = [
  [{ tabel: 'x' }, /tabel.*table/],
  [{ table: '' }, /table/],
  [{ table: 5 }, /table must be a name, not a number/],
  [{ table: 'a.b.c' }, /schema\.table/],
  [{ table: ' a' }, /spaces/],
  [{ table: 'a\0b' }, /control characters/],
  [{ table: 'x'.repeat(300) }, /too long/],
  [{ maxEntries: 1.5 }, /maxEntries/],
  [{ maxEntries: '1000' }, /maxEntries/],
  [{ cullFrequency: -1 }, /cullFrequency/],
  [{ route: [] }, /route/],
  [{ route: { wirte: 'x' } }, /wirte/],
]

const ofServers: [options: object, says: RegExp][] = [
  [{ url: `ftp://shop:${CANARY}@host` }, /url must begin with/],
  [{ url: 'SCHEME://shop:can ary@host:port' }, /url/],
  [{ url: 5 }, /url must be a URL, a pool or a function, not a number/],
  [{ url: undefined }, /needs a url, a pool, or a route with write/],
  [{ pool: {} }, /contradict/],
  [{ url: undefined, pool: {} }, /pool must be/],
  [{ url: undefined, pool: 5 }, /pool/],
  [{ route: { read: [5] } }, /route\.read/],
  [{ route: { migrate: true } }, /route\.migrate/],
  [{ driver: 'oracle' }, /driver/],
  [{ clientOptions: 'ssl' }, /clientOptions must be an object/],
  [{ poolSize: 0 }, /poolSize/],
  [{ prepare: 'no' }, /prepare must be true or false/],
  [{ opTimeout: 0 }, /opTimeout/],
  [{ connectTimeout: Number.POSITIVE_INFINITY }, /connectTimeout/],
  [{ maxInFlight: '5' }, /maxInFlight/],
]

const ofFiles: [options: object, says: RegExp][] = [
  [{ path: undefined }, /needs a path, or a handle/],
  [{ path: '' }, /path must be the path of a file/],
  [{ path: 5 }, /path must be the path of a file, not a number/],
  [{ handle: {} }, /needs a path, or a handle/],
  [{ path: undefined, handle: {} }, /handle must be/],
  [{ driver: 'sqlite3' }, /driver/],
  [{ force: 1 }, /force must be true or false/],
  [{ route: { migrate: 'postgres://x' } }, /route\.migrate must be true or false/],
  [{ url: 'x' }, /url/],
]

function refuses(door: string, base: object, all: readonly [options: object, says: RegExp][]): void {
  it.each(all)('%j', (options, says) => {
    let refused: unknown
    try {
      doors[door]!({ ...base, ...options })
    } catch (error) {
      refused = error
    }
    expect(refused).toBeInstanceOf(Error)
    expect(refused).toMatchObject({
      code: expect.stringMatching(/^[A-Z_]+$/),
      message: expect.stringMatching(says),
    })
    expect(String(refused)).not.toContain(CANARY)
  })
}

describe.each(['postgres', 'mysql'] as const)('%s() refuses', (door) => {
  refuses(door, { url: servers[door] }, [...everywhere, ...ofServers])
})

describe('sqlite() refuses', () => {
  refuses('sqlite', { path: '/nowhere/cache.db' }, [...everywhere, ...ofFiles])
})

it.each(Object.keys(doors))('%s() refuses what is no object at all', (door) => {
  for (const options of [undefined, null, 'url', 5]) {
    expect(() => doors[door]!(options)).toThrow(expect.objectContaining({ code: expect.any(String) }))
  }
})
