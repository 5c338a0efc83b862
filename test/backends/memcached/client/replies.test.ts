import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { memcachedClient } from '../../../../src/backends/memcached/client/index.ts'
import { startMemcached } from '../../../servers/memcached.ts'
import { proxy, scripted, tokenOf } from './scripted.ts'

describe('replies that cannot be right end the connection, with all that is under way', () => {
  const lies: Record<string, (token: string) => string> = {
    'F29 a token of another command': (token) => `VA 1 f0 O${Number(token) + 1}\r\nx\r\n`,
    'a value without a token': () => 'VA 1 f0\r\nx\r\n',
    'a token twice as long': (token) => `VA 1 f0 O${token}${token}0\r\nx\r\n`,
    'a reply of another kind': (token) => `NS O${token}\r\n`,
    'flags that are no number': (token) => `VA 1 fx O${token}\r\nx\r\n`,
    'a value longer than announced': (token) => `VA 1 f0 O${token}\r\nxyz\r\n`,
    'a value shorter than announced': (token) => `VA 5 f0 O${token}\r\nxyz\r\nEN\r\n`,
    'a size that is no number': (token) => `VA 1x f0 O${token}\r\nx\r\n`,
    'a negative size': (token) => `VA -1 f0 O${token}\r\nx\r\n`,
    'an endless size': (token) => `VA 99999999999999999999 f0 O${token}\r\n`,
    ERROR: () => 'ERROR\r\n',
    CLIENT_ERROR: () => 'CLIENT_ERROR bad command line format\r\n',
    'a line that ends in LF alone': (token) => `EN O${token} \n`,
    'a line without end': () => 'x'.repeat(5000),
    'an empty line': () => '\r\n',
    'another protocol': () => 'HTTP/1.1 400 Bad Request\r\n\r\n',
  }
  it.each(Object.entries(lies))('%s', async (_name, lie) => {
    const server = await scripted((line, socket) => void socket.write(lie(tokenOf(line)), 'latin1'))
    const client = memcachedClient({ servers: server })
    const answers = await Promise.allSettled([client.get('a'), client.get('b'), client.set('c', 'v')])
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'PROTOCOL', uncertain: true } })
    }
    expect(client.servers[0]?.state).toBe('down')
    await client.close()
  })

  it('a reply that nobody asked for', async () => {
    const server = await scripted((line, socket) => void socket.write(`EN O${tokenOf(line)}\r\nHD O0\r\n`))
    const client = memcachedClient({ servers: server })
    expect(await client.get('a')).toBeUndefined()
    await expect.poll(() => client.servers[0]?.state).toBe('down')
    await client.close()
  })

  it('in a batch: a token out of order, or twice', async () => {
    for (const order of [
      [1, 0],
      [0, 0],
      [0, 7],
    ]) {
      const tokens: number[] = []
      const server = await scripted((line, socket) => {
        tokens.push(Number(tokenOf(line)))
        if (tokens.length < 2) return
        for (const i of order) socket.write(`VA 1 f0 O${tokens[0]! + i}\r\nx\r\n`)
      })
      const client = memcachedClient({ servers: server })
      const { items, failed } = await client.getMany(['a', 'b'])
      expect(items.size).toBe(0)
      expect(failed.get('a')).toMatchObject({ code: 'PROTOCOL' })
      await client.close()
    }
  })

  it('text: a value of a key that was not asked for', async () => {
    const server = await scripted((_line, socket) => void socket.write('VALUE other 0 1\r\nx\r\nEND\r\n'))
    const client = memcachedClient({ servers: server, protocol: 'text' })
    await expect(client.get('a')).rejects.toMatchObject({ code: 'PROTOCOL' })
    await client.close()
  })

  it('a miss without a token is a miss: not every server sends one there', async () => {
    const server = await scripted((_line, socket) => void socket.write('EN\r\n'))
    const client = memcachedClient({ servers: server })
    expect(await client.get('a')).toBeUndefined()
    await client.close()
  })

  it("no message holds the server's words", async () => {
    const server = await scripted((_line, socket) => void socket.write('SERVER_ERROR hunter2\r\n'))
    const client = memcachedClient({ servers: server })
    const error = await client.get('a').catch((error: Error) => error)
    expect(error).toMatchObject({ code: 'SERVER_ERROR' })
    expect(String(error)).not.toContain('hunter2')
    expect(client.servers[0]?.state).toBe('up')
    await client.close()
  })

  it('a server without the meta protocol is told apart, and so is what serves no memcached at all', async () => {
    const { listen } = await import('./scripted.ts')
    const old = await listen((socket) => {
      socket.on('data', () => void socket.write('VERSION 1.4.5\r\nERROR\r\n'))
    })
    const client = memcachedClient({ servers: old })
    await expect(client.get('a')).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: /protocol: 'text'/,
    })
    await client.close()
    const web = await listen((socket) => {
      socket.on('data', () => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    const other = memcachedClient({ servers: web })
    await expect(other.get('a')).rejects.toMatchObject({ code: 'PROTOCOL' })
    await other.close()
  })
})

describe('late replies', () => {
  it('F08 T12 the reply to a command that timed out never reaches another: its connection is gone', async () => {
    let connections = 0
    const server = await scripted(async (line, socket, connection) => {
      connections = Math.max(connections, connection + 1)
      const reply = `VA 5 f0 O${tokenOf(line)}\r\n${line.split(' ')[1]!.padEnd(5)}\r\n`
      if (connection === 0) await sleep(100)
      socket.write(reply)
    })
    const client = memcachedClient({ servers: server, timeout: 50, reconnectDelay: 0 })
    await expect(client.get('late')).rejects.toMatchObject({ code: 'TIMEOUT', uncertain: true })
    await expect
      .poll(
        () =>
          client.get('next').then(
            (item) => String(item?.value),
            () => '',
          ),
        { timeout: 3000 },
      )
      .toBe('next ')
    await sleep(100)
    expect(String((await client.get('third'))?.value)).toBe('third')
    expect(connections).toBe(2)
    await client.close()
  })

  it.each(['meta', 'text', 'binary'] as const)(
    'F08 F29 T12 %s: 20,000 answers, late replies among them, and none is the value of another key',
    async (protocol) => {
      const server = await startMemcached()
      // What comes late is late as a whole: TCP keeps the order.
      const slow = await proxy(server.port, (bytes, back) => {
        if (back.destroyed) return
        const held = (back as { held?: Buffer[] }).held
        if (held !== undefined) held.push(bytes)
        else if (Math.random() > 0.05) back.write(bytes)
        else {
          const later = [bytes]
          ;(back as { held?: Buffer[] }).held = later
          setTimeout(
            () => {
              ;(back as { held?: Buffer[] }).held = undefined
              if (!back.destroyed) back.write(Buffer.concat(later))
            },
            5 + Math.random() * 40,
          )
        }
      })
      const direct = memcachedClient({ servers: server.address, timeout: 5000 })
      const keys = Array.from({ length: 1000 }, (_, i) => `key:${i}`)
      await direct.setMany(keys.map((key) => [key, `value of ${key}`.repeat(1 + (key.length % 7))]))
      await direct.close()
      const client = memcachedClient({
        servers: slow,
        protocol,
        timeout: 20,
        reconnectDelay: 1,
        maxReconnectDelay: 2,
      })
      let wrong = 0
      let right = 0
      let late = 0
      const caller = async () => {
        while (right + wrong < 20_000) {
          const key = keys[Math.floor(Math.random() * keys.length)]!
          try {
            const item = await client.get(key)
            if (String(item?.value).startsWith(`value of ${key}`)) right++
            else wrong++
          } catch {
            late++
            await sleep(1)
          }
        }
      }
      await Promise.all(Array.from({ length: 100 }, caller))
      expect(wrong).toBe(0)
      expect(late).toBeGreaterThan(100)
      await client.close()
    },
    60_000,
  )
})

describe('replies in pieces', () => {
  it.each(['meta', 'text', 'binary'] as const)(
    'F11 %s: one byte at a time, and everything at once',
    async (protocol) => {
      const server = await startMemcached()
      const bytewise = await proxy(server.port, (bytes, back) => {
        for (const byte of bytes) back.write(Buffer.of(byte))
      })
      const client = memcachedClient({ servers: bytewise, protocol, timeout: 5000, connectTimeout: 5000 })
      const value = Buffer.alloc(2000, 'a\r\nEND\r\n')
      await client.set('k', value)
      const gets = await Promise.all(Array.from({ length: 20 }, () => client.get('k', { cas: true })))
      for (const item of gets) expect(item?.value.equals(value)).toBe(true)
      expect((await client.getMany(['k', 'none', 'k'])).items.get('k')?.value.equals(value)).toBe(true)
      expect(await client.incr('n', { initial: 7 })).toBe(7n)
      expect((await client.stats()).size).toBe(1)
      await client.close()
    },
  )

  it('F10 cut at each byte of a bulk reply: an error each time, never a part of a value', async () => {
    const reply = (tokens: string[]) =>
      `${tokens.map((token, i) => `VA 30 f0 O${token}\r\n${`value ${i} `.padEnd(30, 'x')}\r\n`).join('')}MN\r\n`
    const length = reply(['0', '1', '2', '3']).length
    for (let cut = 0; cut < length; cut += 1) {
      const server = await scripted(() => {})
      const tokens: string[] = []
      const cutting = await scripted((line, socket) => {
        tokens.push(tokenOf(line))
        if (tokens.length === 4) socket.end(reply(tokens).slice(0, cut))
      })
      expect(server).not.toBe(cutting)
      const client = memcachedClient({ servers: cutting })
      const { items, failed } = await client.getMany(['a', 'b', 'c', 'd'])
      expect(items.size).toBe(0)
      expect(failed.size).toBe(4)
      await client.close()
    }
  })
})
