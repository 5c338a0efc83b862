import { describe, expect, it } from 'vitest'
import { createCaches, memory } from '../../src/index.ts'

describe('API-04 setMany', () => {
  it.each([1, 2])('of what is too large, what was there goes: %i of three', async (many) => {
    const caches = createCaches({ default: { backend: memory(), maxValueBytes: 100 } })
    const cache = caches.default
    const keys = ['a', 'b', 'c']
    await cache.setMany(Object.fromEntries(keys.map((key) => [key, 'old'])))
    const large = keys.slice(0, many)
    const entries = keys.map((key) => [key, large.includes(key) ? 'x'.repeat(200) : 'new'] as const)
    expect(await cache.setMany(entries)).toEqual(large)
    expect([...(await cache.getMany(keys)).keys()]).toEqual(keys.slice(many))
    await caches.close()
  })
})
