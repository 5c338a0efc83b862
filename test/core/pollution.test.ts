/**
 * T25 prototype pollution: thirty payloads at every door that takes what somebody else wrote: values, keys, stored bytes,
 * options, configurations, header fields and the arguments of fragments. The prototypes of the program are afterwards as before.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import { pack } from 'msgpackr'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/codecs/default.ts'
import { msgpackrCodec } from '../../src/codecs/msgpackr.ts'
import { v8Codec } from '../../src/codecs/v8.ts'
import { parseDirectives } from '../../src/http/policy/directives.ts'
import { readPageHead } from '../../src/http/policy/page.ts'
import { parseDictionary } from '../../src/http/policy/structured-dictionary.ts'
import { type Codec, createCaches, file, memory, object } from '../../src/index.ts'
import { fragmentKey } from '../../src/templates/index.ts'

const home = mkdtempSync(join(tmpdir(), 'warm-pollution-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const PLAIN = [
  '{"__proto__":{"polluted":1}}',
  '{"__proto__":null}',
  '{"__proto__":[]}',
  '{"__proto__":{"toString":1,"valueOf":2}}',
  '{"__proto__":{"__proto__":{"polluted":1}}}',
  '{"a":{"__proto__":{"polluted":1}}}',
  '[{"__proto__":{"polluted":1}}]',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"constructor":"polluted"}',
  '{"prototype":{"polluted":1}}',
  '{"a":{"constructor":{"prototype":{"polluted":1}}}}',
  '{"toString":"polluted","valueOf":"polluted"}',
  '{"hasOwnProperty":1,"isPrototypeOf":1}',
  '{"__defineGetter__":1,"__lookupSetter__":1}',
  '{"then":"polluted"}',
  '{"toJSON":"polluted"}',
  '{"length":-1,"0":{"__proto__":{"polluted":1}}}',
  '{"get":1,"set":1,"value":{"__proto__":{"polluted":1}}}',
  '{"__proto__":1,"polluted":2}',
  '{"\\u005f_proto__":{"polluted":1}}',
]
// As the richer formats write references, types and own prototypes.
const RICH = [
  '[{"__proto__":1},{"polluted":2},1]',
  '[["null","__proto__",1],{"polluted":2},1]',
  '[["Object",1],{"__proto__":2},{"polluted":3},1]',
  '[{"a":1},{"constructor":2},{"prototype":3},{"polluted":4},1]',
  '[["Map",1,2],"__proto__",{"polluted":3},1]',
  '[["__proto__",1],{"polluted":2},1]',
  '[["constructor",1],{"prototype":2},{"polluted":3},1]',
  '{"$type":"__proto__","$value":{"polluted":1}}',
  '{"json":{"a":1},"meta":{"values":{"__proto__.polluted":["Date"]}}}',
  '[["toString",1],"polluted"]',
]
const PAYLOADS = [...PLAIN, ...RICH]
const CODECS: [string, () => Codec][] = [
  ['json', () => jsonCodec()],
  ['v8', () => v8Codec()],
  ['msgpackr', () => msgpackrCodec()],
]

const PROTOTYPES = [
  Object,
  Array,
  Function,
  Map,
  Set,
  Date,
  String,
  Number,
  Promise,
  Uint8Array,
  Buffer,
  Error,
].map(({ prototype }) => prototype)
/** Every own property of each, and what it holds. */
const snapshot = () =>
  PROTOTYPES.flatMap((prototype) => [
    Object.getPrototypeOf(prototype),
    ...Reflect.ownKeys(prototype).flatMap((key) => {
      const { value, get, set } = Object.getOwnPropertyDescriptor(prototype, key) ?? {}
      return [key, value, get, set]
    }),
  ])
const before = snapshot()

afterEach(() => {
  expect(Reflect.get({}, 'polluted')).toBeUndefined()
  const after = snapshot()
  expect(after.length).toBe(before.length)
  expect(after.findIndex((what, at) => what !== before[at])).toBe(-1)
})

/** What came back has the prototypes of plain data all the way down: an own `__proto__` is a name as any other. */
function plain(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  const prototype: unknown = Object.getPrototypeOf(value)
  expect([null, Object.prototype, Array.prototype, Map.prototype].some((one) => one === prototype)).toBe(true)
  for (const key of Reflect.ownKeys(value)) {
    // Not by its name: of an own __proto__ that would be the accessor of another object.
    plain(Object.getOwnPropertyDescriptor(value, key)?.value)
  }
}

it('is a table of thirty payloads', () => {
  expect(new Set(PAYLOADS).size).toBe(30)
})

describe.each(PAYLOADS)('T25 A06 A24 A29 %s', (payload) => {
  const parsed: unknown = JSON.parse(payload)

  it.each(CODECS)('as a value, over the %s codec', async (name, make) => {
    const directory = join(home, name, String(PAYLOADS.indexOf(payload)))
    const caches = createCaches({ default: { backend: file({ directory }), codec: make() } })
    await caches.default.set('key', parsed).catch(() => undefined)
    plain(await caches.default.get('key'))
    plain(await caches.default.getOrSet('other', () => parsed).catch(() => undefined))
    await caches.close()
  })

  it('as a value, kept in the process', async () => {
    for (const backend of [memory(), object()]) {
      const caches = createCaches({ default: { backend } })
      await caches.default.set('key', parsed).catch(() => undefined)
      const value = await caches.default.get('key')
      if (backend.name === 'memory') plain(value)
      await caches.close()
    }
  })

  it.each(CODECS)('as the body of stored bytes, for the %s codec', (_name, make) => {
    const codec = make()
    for (const body of [Buffer.from(payload), serialize(parsed), pack(parsed)]) {
      let value: unknown
      try {
        value = codec.decode(body)
      } catch {
        continue
      }
      plain(value)
    }
  })

  it('as keys, of one call and of many', async () => {
    for (const backend of [memory(), object(), file({ directory: join(home, 'keys') })]) {
      const caches = createCaches({ default: { backend, keys: 'any' } })
      const names = typeof parsed === 'object' && parsed !== null ? Object.getOwnPropertyNames(parsed) : []
      for (const key of names) await caches.default.set(key, 1)
      const entries = new Map(names.map((key) => [key, { polluted: 1 }]))
      expect(await caches.default.setMany(entries)).toEqual([])
      expect([...(await caches.default.getMany(names)).keys()].sort()).toEqual([...new Set(names)].sort())
      await caches.close()
    }
  })

  it('as options and configurations: taken as unknown names, never as a prototype', async () => {
    const caches = createCaches()
    const hostile = parsed as never
    await expect(caches.default.set('key', 1, hostile)).rejects.toMatchObject({ code: expect.any(String) })
    await expect(caches.default.get('key', hostile)).rejects.toMatchObject({ code: expect.any(String) })
    await expect(caches.default.getOrSet('key', () => 1, hostile)).rejects.toMatchObject({
      code: expect.any(String),
    })
    expect(() => createCaches(hostile)).toThrow(expect.objectContaining({ code: expect.any(String) }))
    expect(() => memory(hostile)).toThrow(expect.objectContaining({ code: expect.any(String) }))
    await caches.close()
  })

  it('as header fields, stored pages and fragment arguments', () => {
    parseDirectives(payload)
    parseDirectives('__proto__=1, constructor="prototype", polluted')
    parseDictionary(payload)
    parseDictionary('__proto__=1, constructor;polluted=1')
    readPageHead(parsed)
    try {
      fragmentKey('name', [payload, JSON.stringify(parsed)])
    } catch (error) {
      expect(error).toHaveProperty('code')
    }
  })
})

it('T25 a directory of foreign files with such bytes is read as misses', async () => {
  const directory = join(home, 'foreign')
  const backend = file({ directory })
  const caches = createCaches({ default: { backend } })
  await caches.default.set('key', 'value')
  const path = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .find((name) => {
      try {
        return readFileSync(name).includes('value')
      } catch {
        return false
      }
    })
  for (const payload of PAYLOADS) {
    writeFileSync(path!, payload)
    expect(await caches.default.get('key')).toBeUndefined()
  }
  await caches.close()
})
