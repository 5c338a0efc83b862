import { describe, expect, it, vi } from 'vitest'
import { createCaches, dummy } from '../../src/index.ts'

const { default: cache } = createCaches({ default: { backend: dummy() } })

describe('DUM-01 the dummy backend', () => {
  it('stores nothing, and every write succeeds', async () => {
    expect(await cache.set('key', 1)).toBe(true)
    expect(await cache.add('key', 1)).toBe(true)
    expect(await cache.add('key', 1)).toBe(true)
    expect(await cache.setMany({ a: 1, b: 2 })).toEqual([])
    expect(await cache.get('key')).toBe(undefined)
    expect(await cache.get('key', { default: 'x' })).toBe('x')
    expect(await cache.getMany(['key', 'a'])).toEqual(new Map())
    expect(await cache.has('key')).toBe(false)
    expect(await cache.touch('key', 5)).toBe(false)
    expect(await cache.touch('key', 0)).toBe(false)
    expect(await cache.delete('key')).toBe(false)
    expect(await cache.deleteMany(['key'])).toBe(0)
    expect(await cache.clear()).toBe(true)
    expect(await cache.inspect('key')).toMatchObject({ status: 'missing' })
    expect(await cache.expire('key')).toBe(false)
    expect(cache.sync.get('key')).toBe(undefined)
  })

  it('has no number to count and no version to move', async () => {
    for (const call of [
      () => cache.incr('key'),
      () => cache.decr('key'),
      () => cache.incrVersion('key'),
      () => cache.decrVersion('key'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' })
    }
    expect(await cache.incr('key', 2, { initial: 5 })).toBe(7)
  })

  it('loads every time', async () => {
    let loads = 0
    expect(await cache.getOrSet('key', () => ++loads)).toBe(1)
    expect(await cache.getOrSet('key', () => ++loads)).toBe(2)
    expect(await cache.getOrSet('key', 'plain')).toBe('plain')
  })

  it('VAL-01 checks keys, values and options as any other', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    await cache.get('a b')
    expect(warn).toHaveBeenCalledTimes(1)
    warn.mockRestore()
    await expect(cache.set('', 1)).rejects.toMatchObject({ code: 'INVALID_KEY' })
    await expect(cache.set('key', undefined)).rejects.toThrow(TypeError)
    await expect(cache.set('key', () => 1)).rejects.toMatchObject({ code: 'NOT_SERIALIZABLE' })
    await expect(cache.set('key', 1, { tll: 5 } as object)).rejects.toMatchObject({ code: 'UNKNOWN_OPTION' })
    expect(() => dummy({ x: 1 } as never)).toThrow(/unknown option/)
  })
})
