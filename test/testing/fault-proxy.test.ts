/** Over a server that says back what it hears. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type FaultProxy, faultProxy } from '../../src/testing/index.ts'

let echo: Server
let wire: FaultProxy
const clients = new Set<Socket>()

beforeAll(async () => {
  echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
})
beforeEach(async () => {
  const bound = echo.address()
  wire = await faultProxy({ port: typeof bound === 'object' ? bound!.port : 0 })
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  await wire.close()
})
afterAll(() => void echo.close())

function client() {
  const socket = connect(wire.port, wire.host)
  clients.add(socket)
  const pieces: Buffer[] = []
  let error: NodeJS.ErrnoException | undefined
  socket.on('data', (piece) => pieces.push(piece))
  socket.on('error', (reason) => {
    error = reason
  })
  return {
    pieces,
    say: (text: string) => void socket.write(text),
    text: () => Buffer.concat(pieces).toString(),
    get closed() {
      return socket.destroyed
    },
    get error() {
      return error
    },
  }
}

it('passes everything on as it is', async () => {
  const one = client()
  one.say('hello')
  await expect.poll(one.text).toBe('hello')
  expect(wire.open).toBe(1)
  expect(wire.made).toHaveLength(1)
  expect(wire.address).toBe(`127.0.0.1:${wire.port}`)
})

it('hold: the connection stays and nothing passes; what was held is delivered afterwards', async () => {
  const one = client()
  one.say('a')
  await expect.poll(one.text).toBe('a')
  for (const way of ['requests', 'answers'] as const) {
    wire[way] = { hold: true }
    one.say('b')
    await sleep(50)
    expect(one.text()).not.toContain('b')
    expect(one.closed).toBe(false)
    wire[way] = {}
    await expect.poll(one.text).toContain('b')
    one.pieces.length = 0
  }
})

it('delay: later, and in order', async () => {
  const one = client()
  one.say('0')
  await expect.poll(one.text).toBe('0')
  let n = 0
  wire.answers = { delay: () => (n++ === 0 ? 100 : 0) }
  const began = performance.now()
  one.say('1')
  await sleep(10)
  one.say('2')
  await expect.poll(one.text, { interval: 5 }).toBe('012')
  expect(performance.now() - began).toBeGreaterThan(95)
})

it('cutAfter: so many bytes on each connection, then it is cut', async () => {
  wire.answers = { cutAfter: 3 }
  for (let i = 0; i < 2; i++) {
    const one = client()
    one.say('hello')
    await expect.poll(() => one.closed).toBe(true)
    expect(one.text()).toBe('hel')
  }
})

it('split: in packets of so many bytes', async () => {
  const one = client()
  wire.answers = { split: 1 }
  one.say('hello')
  await expect.poll(one.text).toBe('hello')
})

it('corrupt: by a probability, or by a function', async () => {
  const one = client()
  wire.answers = { corrupt: (piece) => Buffer.from(piece.toString().toUpperCase()) }
  one.say('hello')
  await expect.poll(one.text).toBe('HELLO')
  wire.answers = { corrupt: 1 }
  one.pieces.length = 0
  one.say('hello')
  await expect.poll(() => one.text().length).toBeGreaterThan(0)
  const turned = Buffer.concat(one.pieces)
  for (const [i, byte] of [...Buffer.from('hello')].entries()) expect(turned[i]).not.toBe(byte)
})

it('reset: every connection is cut; accepts = false: and none is taken', async () => {
  const one = client()
  one.say('a')
  await expect.poll(one.text).toBe('a')
  wire.reset()
  await expect.poll(() => one.closed).toBe(true)
  expect(one.error?.code).toBe('ECONNRESET')
  wire.accepts = false
  const two = client()
  await expect.poll(() => two.closed).toBe(true)
  expect(wire.open).toBe(0)
})

it.each([
  null,
  'hold',
  { dely: 4 },
  { hold: 'yes' },
  { delay: '400' },
  { delay: -1 },
  { delay: Number.NaN },
  { cutAfter: -1 },
  { cutAfter: '20' },
  { split: 0 },
  { split: 1.5 },
  { corrupt: 2 },
  { corrupt: '0.01' },
])('A11 what is no fault is refused as it is set: %o', (faults) => {
  for (const way of ['requests', 'answers'] as const) {
    expect(() => Object.assign(wire, { [way]: faults })).toThrow(new RegExp(way))
    expect(wire[way]).toEqual({})
  }
})

it.each([null, 6379, {}, { port: '6379' }, { port: 0 }, { port: 6379, host: 5 }, { port: 6379, host: '' }])(
  'A11 what is no place is refused by rejecting: %o',
  async (options) => {
    // @ts-expect-error what the types refuse must be refused without them
    await expect(faultProxy(options)).rejects.toMatchObject({ code: expect.stringMatching(/OPTION/) })
  },
)
