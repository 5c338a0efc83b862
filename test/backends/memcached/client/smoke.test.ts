import { expect, it } from 'vitest'
import { memcachedClient } from '../../../../src/backends/memcached/client/client.ts'
import { startMemcached } from '../../../servers/memcached.ts'

for (const protocol of ['meta', 'text', 'binary'] as const)
  it(`smoke ${protocol}`, async () => {
    const s = await startMemcached()
    const c = memcachedClient({ servers: s.address, protocol })
    expect(await c.get('a')).toBe(undefined)
    expect(await c.set('a', 'hello', { flags: 7, expiry: 100 })).toBe(true)
    const item = await c.get('a', { cas: true })
    expect(String(item!.value)).toBe('hello')
    expect(item!.flags).toBe(7)
    expect(await c.cas('a', 'x', item!.cas!)).toBe('stored')
    expect(await c.cas('a', 'x', item!.cas!)).toBe('changed')
    expect(await c.incr('n', { initial: 5 })).toBe(5n)
    expect(await c.incr('n', { by: 5 })).toBe(10n)
    expect(
      (
        await c.setMany([
          ['q', '1'],
          ['w', Buffer.alloc(100000, 1)],
        ])
      ).size,
    ).toBe(0)
    const m = await c.getMany(['q', 'nope', 'w'])
    expect([...m.items.keys()]).toEqual(['q', 'w'])
    expect(m.items.get('w')!.value.length).toBe(100000)
    expect((await c.stats()).get(s.address)!.get('curr_items')).toBe('4')
    expect(await c.touch('q', 100)).toBe(true)
    expect(await c.delete('q')).toBe(true)
    console.log(await c.version(), c.servers)
    await c.close()
    await expect(c.get('a')).rejects.toMatchObject({ code: 'CLOSED' })
  })
