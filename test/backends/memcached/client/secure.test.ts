import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { memcachedClient } from '../../../../src/backends/memcached/client/index.ts'
import { certificateOf, socketOf, startMemcached } from '../../../servers/memcached.ts'

async function storesAndReads(client: ReturnType<typeof memcachedClient>): Promise<void> {
  expect(await client.set('k', 'value')).toBe(true)
  expect(String((await client.get('k'))?.value)).toBe('value')
  const big = Buffer.alloc(700_000, 'ab')
  await client.set('big', big)
  expect((await client.get('big'))?.value.equals(big)).toBe(true)
  await client.close()
}

describe('unix sockets', () => {
  it('MEM-01 unix:/path and a bare path reach the server', async () => {
    const path = socketOf(await startMemcached({ unix: true }))
    await storesAndReads(memcachedClient({ servers: `unix:${path}` }))
    await storesAndReads(memcachedClient({ servers: path, protocol: 'text' }))
  })
})

describe('TLS', () => {
  it('stores and reads over TLS with the certificate checked', async () => {
    const server = await startMemcached({ tls: true })
    const ca = readFileSync(certificateOf(server))
    await storesAndReads(memcachedClient({ servers: server.address, tls: { ca }, connectTimeout: 2000 }))
    const named = { servers: `localhost:${server.port}`, tls: { ca }, connectTimeout: 2000 }
    await storesAndReads(memcachedClient(named))
  })

  it('a certificate that nobody vouches for is refused, and nothing is sent', async () => {
    const server = await startMemcached({ tls: true })
    const client = memcachedClient({ servers: server.address, tls: true, connectTimeout: 2000 })
    await expect(client.set('k', 'v')).rejects.toMatchObject({ code: 'CONNECTION_LOST', uncertain: false })
    await client.close()
  })

  it('options that Node refuses are an error of the verb, not of the process', async () => {
    const client = memcachedClient({
      servers: '127.0.0.1:1',
      tls: { minVersion: 'TLSv1.3', cert: 'no certificate' },
    })
    await expect(client.get('k')).rejects.toMatchObject({ code: 'SERVER_DOWN' })
    await client.close()
  })
})

for (const protocol of ['meta', 'text', 'binary'] as const) {
  describe(`${protocol}: logging in`, () => {
    const passwords = { web: 'correct-horse' }
    const start = () => startMemcached(protocol === 'binary' ? { sasl: passwords } : { passwords })

    it('the right password is let in, on every connection', async () => {
      const server = await start()
      const options = {
        servers: server.address,
        protocol,
        username: 'web',
        password: 'correct-horse',
        reconnectDelay: 10,
      }
      await storesAndReads(memcachedClient(options))
      const client = memcachedClient({ ...options, connectTimeout: 2000 })
      await client.set('a', '1')
      await server.restart()
      await expect.poll(() => client.set('a', '2').catch(() => false), { timeout: 5000 }).toBe(true)
      await client.close()
    })

    it('F15 a wrong one is one clear error without the password in it, and no storm of attempts', async () => {
      const server = await start()
      const client = memcachedClient({
        servers: server.address,
        protocol,
        username: 'web',
        password: 'sesame',
        reconnectDelay: 1,
      })
      const error = await client.get('a').catch((error: Error) => error)
      expect(error).toMatchObject({ code: 'AUTH_FAILED' })
      expect(String(error)).not.toContain('sesame')
      for (let i = 0; i < 20; i++) {
        await expect(client.get('a')).rejects.toMatchObject({ code: 'AUTH_FAILED' })
      }
      expect(client.servers[0]?.state).toBe('down')
      await client.close()
    })

    it('without a password the server refuses', async () => {
      const server = await start()
      const client = memcachedClient({ servers: server.address, protocol })
      await expect(client.get('a')).rejects.toThrow()
      await client.close()
    })
  })
}
