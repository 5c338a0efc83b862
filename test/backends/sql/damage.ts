/** Rows that somebody else has changed: bytes turned or cut, columns of another kind. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCaches } from '../../../src/index.ts'
import { anyTable, type Setting } from './setting.ts'

const ROUNDS = 100
/** Rows a round. */
const ROWS = 100

export function damageSuite({ make, ask, quote }: Setting): void {
  it('T24 A30 10,000 times bytes that were changed in the table are a miss, never another value', async () => {
    const table = anyTable()
    const backend = make({ table })
    await backend.table.create()
    const caches = createCaches({ default: { backend } })
    const cache = caches.default
    const values: Record<string, unknown> = {
      object: { text: 'a value', list: [1, 2, 3] },
      text: 'a text',
      map: new Map([['a', new Date(0)]]),
      bytes: Buffer.from('bytes'),
      large: 'compressed '.repeat(500),
    }
    await cache.setMany(values, { ttl: 60, staleFor: 60 })
    const isPostgres = backend.name === 'postgres'
    const hex = isPostgres ? "encode([value], 'hex')" : 'hex([value])'
    const rows = await ask(
      `SELECT ${hex.replace('[value]', quote('value'))} FROM ${quote(table)} WHERE expires > 0`,
    )
    const whole = rows.map(([text]) => Buffer.from(String(text), 'hex'))
    expect(whole.length).toBe(5)
    const literal = (bytes: Buffer) =>
      isPostgres ? `decode('${bytes.toString('hex')}', 'hex')` : `x'${bytes.toString('hex')}'`
    const key = (i: number) => {
      const bytes = literal(Buffer.from(`:1:k${i}`))
      return backend.name === 'sqlite' ? `CAST(${bytes} AS TEXT)` : bytes
    }
    const change = fc.record({
      of: fc.constantFrom(...whole),
      at: fc.nat(),
      by: fc.integer({ min: 1, max: 255 }),
      cut: fc.boolean(),
    })
    const keys = Array.from({ length: ROWS }, (_, i) => `k${i}`)
    const end = Date.now() + 10 ** 9
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: ROWS, maxLength: ROWS }), async (changes) => {
        const written = changes.map(({ of, at, by, cut }, i) => {
          const place = at % of.length
          const bytes = Buffer.from(cut ? of.subarray(0, place) : of)
          if (!cut) bytes[place]! ^= by
          return `(${key(i)}, ${literal(bytes)}, NULL, ${end}, 1)`
        })
        await ask(`DELETE FROM ${quote(table)} WHERE expires > 0`)
        await ask(
          `INSERT INTO ${quote(table)} (cache_key, value, number, expires, used) VALUES ${written.join()}`,
        )
        expect(await cache.getMany(keys)).toEqual(new Map())
        expect(await Promise.all(keys.map((one) => cache.get(one)))).toEqual(keys.map(() => undefined))
        expect((await cache.inspect('k0')).value).toBeUndefined()
      }),
      { numRuns: ROUNDS },
    )
    expect(await cache.getOrSet('k0', async () => 'anew')).toBe('anew')
    expect(await cache.get('k0')).toBe('anew')
    await caches.close()
  })

  it('T24 columns of another kind are a miss or the value, by every verb', async () => {
    const table = anyTable()
    const backend = make({ table })
    await backend.table.create()
    const caches = createCaches({ default: { backend } })
    const cache = caches.default
    const damage = [
      'number = 5',
      `number = ${2 ** 60}`,
      'number = -9223372036854775808',
      'value = NULL',
      'expires = 9223372036854775807',
    ]
    if (backend.name === 'sqlite') {
      damage.push("value = 'text'", "value = '5'", 'value = 1.5', "number = 'five'", 'number = 1.5')
      damage.push("expires = 'never'", "expires = x'ff'", 'expires = 9e99')
    }
    for (const how of damage) {
      await cache.set('k', { a: 'value' })
      await ask(`UPDATE ${quote(table)} SET ${how} WHERE expires > 0`)
      const right = [undefined, { a: 'value' }]
      expect([how, right]).toEqual([how, expect.arrayContaining([await cache.get('k')])])
      expect([how, right]).toEqual([how, expect.arrayContaining([(await cache.inspect('k')).value])])
      expect([how, right]).toEqual([how, expect.arrayContaining([(await cache.getMany(['k'])).get('k')])])
      await cache.has('k')
      await cache.touch('k', 60)
      await cache.getOrSet('k', () => 'anew')
      expect([how, await cache.set('k', 'new')]).toEqual([how, true])
      expect([how, await cache.get('k')]).toEqual([how, 'new'])
      await cache.delete('k')
    }
    // A whole number has no sum to check: it is one, or it is nothing.
    for (const how of damage.filter((one) => one.startsWith('number'))) {
      await cache.set('n', 5)
      await ask(`UPDATE ${quote(table)} SET ${how} WHERE expires > 0`)
      const many = (await cache.getMany(['n'])).get('n')
      for (const found of [await cache.get('n'), (await cache.inspect('n')).value, many])
        expect([how, found === undefined || Number.isSafeInteger(found)]).toEqual([how, true])
      await cache.incr('n').catch((error: { code?: string }) => expect(error.code).toMatch(/^[A-Z_]+$/))
      await cache.delete('n')
    }
    await caches.close()
  })
}
