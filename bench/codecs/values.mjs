// @ts-check
/**
 * What does it cost to make a value into stored bytes and back, header, checksum and safety walk included? Lists of
 * like-shaped records: plain ones beside JSON (H1), ones with Date, Map, Set, bigint and bytes beside `v8.serialize` (H2).
 */
import { deserialize, serialize } from 'node:v8'
import * as devalue from 'devalue'
import { Packr } from 'msgpackr'
import { jsonCodec } from '../../dist/codecs/default.js'
import { msgpackrCodec } from '../../dist/codecs/msgpackr.js'
import { v8Codec } from '../../dist/codecs/v8.js'
import { makeFormat } from '../../dist/core/values/encoding.js'
import { timed } from '../harness.mjs'
import { record as plain } from '../kilobyte.mjs'

/** @param {number} id */
const rich = (id) => ({
  id: 1000 + id,
  name: `User number ${id}`,
  email: `user${id}@example.com`,
  active: id % 3 === 0,
  score: id * 1.37,
  created: new Date(1.7e12 + id * 1e6),
  tags: new Set(['a', 'beta', `c${id}`]),
  attributes: new Map([
    ['zip', `1${id % 9}345`],
    ['street', `Main street ${id}`],
  ]),
  balance: BigInt(id) * 10n ** 12n,
  token: Buffer.from('0123456789abcdef'),
})

/** @typedef {{ encode: (value: unknown) => any, decode: (stored: any) => unknown }} Way */

/** @type {Record<string, () => Way>} */
const WAYS = {
  JSON: () => ({ encode: JSON.stringify, decode: JSON.parse }),
  'JSON, bytes': () => ({
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(bytes.toString()),
  }),
  'v8.serialize': () => ({ encode: serialize, decode: deserialize }),
  devalue: () => ({ encode: (value) => devalue.stringify(value), decode: (text) => devalue.parse(text) }),
  'msgpackr, records': () => {
    const packr = new Packr({ useRecords: true, moreTypes: true, int64AsType: 'bigint' })
    return { encode: (value) => packr.pack(value), decode: (bytes) => packr.unpack(bytes) }
  },
  'stillwarm default': () => ours(jsonCodec()),
  'stillwarm v8': () => ours(v8Codec()),
  'stillwarm msgpackr': () => ours(msgpackrCodec()),
}

/**
 * @param {import('../../dist/core/values/format.js').Codec} codec
 * @returns {Way}
 */
function ours(codec) {
  const format = makeFormat({ codec })
  return { encode: (value) => format.encode(value, 1.8e12), decode: (bytes) => format.decode(bytes) }
}

/**
 * @param {string} name
 * @param {(id: number) => unknown} record
 * @param {number} count
 * @param {'encode' | 'decode'} verb
 * @param {string} limit
 * @param {import('../harness.mjs').Goal[]} goals
 * @returns {import('../harness.mjs').Row}
 */
function row(name, record, count, verb, limit, goals) {
  const value = Array.from({ length: count }, (_, id) => record(id))
  const contenders = Object.entries(WAYS)
    .filter(([way]) => record === plain || !way.startsWith('JSON'))
    .map(([way, make]) => [way, () => round(make(), verb, value)])
  return { name, unit: 'ns', limit, contenders: Object.fromEntries(contenders), goals }
}

/**
 * @param {Way} way
 * @param {'encode' | 'decode'} verb
 * @param {unknown} value
 */
function round(way, verb, value) {
  const given = verb === 'encode' ? value : way.encode(value)
  const work = way[verb]
  return timed((n) => {
    for (let i = 0; i < n; i++) work(given)
  })
}

const SIZES = /** @type {const} */ ([
  ['1 KB', 5],
  ['10 KB', 50],
  ['100 KB', 500],
])

/** @type {import('../harness.mjs').Row[]} */
export const rows = SIZES.flatMap(([size, count]) => [
  row(`H1 encode plain records, ${size}`, plain, count, 'encode', 'JSON', [
    { contender: 'stillwarm default', of: 'JSON', times: 0.75 },
  ]),
  row(`H1 decode plain records, ${size}`, plain, count, 'decode', 'JSON', [
    { contender: 'stillwarm default', of: 'JSON', times: 0.9 },
    { contender: 'stillwarm msgpackr', of: 'JSON', times: count < 50 ? 1.3 : 3 },
  ]),
  row(`H2 encode rich records, ${size}`, rich, count, 'encode', 'v8.serialize', [
    { contender: 'stillwarm msgpackr', of: 'v8.serialize', times: 0.75 },
  ]),
  row(`H2 decode rich records, ${size}`, rich, count, 'decode', 'v8.serialize', [
    { contender: 'stillwarm msgpackr', of: 'v8.serialize', times: 1.5 },
  ]),
])
