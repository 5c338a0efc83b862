/** The values that every codec gives back equal (A23), and those it refuses by path (A22). */

const cyclic: Record<string, unknown> = { a: [1] }
cyclic.me = cyclic
;(cyclic.a as unknown[]).push(cyclic)

const cyclicMap = new Map<string, unknown>()
cyclicMap.set('self', { in: [cyclicMap] })

const holes: unknown[] = [1, 2, 3, undefined]
delete holes[1]
const sparse: unknown[] = []
sparse[100_000] = 'far'

const failure = Object.assign(new TypeError('broken', { cause: new Error('deeper') }), {
  code: 'E_BROKEN',
  at: new Date(5),
})

export const kept: Record<string, unknown> = {
  counter: 42,
  text: 'hello',
  'digits in text': '42',
  'other text': 'Grüße, 日本語 😀',
  'lone surrogates': ['\ud800', 'x\udc00y', '\ud800x'.repeat(50)],
  'a lone surrogate in a key': { '\ud800': 1 },
  booleans: [true, false, null],
  numbers: [0, -1, 1.5, 1e300, 5e-324, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 40), 255, 65536],
  'odd numbers': [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  'minus zero alone': -0,
  'minus zero in a field': { a: -0 },
  'undefined inside': { a: undefined, b: [undefined] },
  bigint: [0n, -5n, 2n ** 63n, -(2n ** 64n), 2n ** 200n],
  date: {
    at: new Date(1_700_000_000_123),
    first: new Date(0),
    before: new Date(-1),
    last: new Date(8.64e15),
  },
  map: new Map<unknown, unknown>([
    ['a', 1],
    [{ k: 1 }, new Set([1])],
    [null, undefined],
  ]),
  set: new Set<unknown>(['a', 1, { b: 2 }]),
  'a regexp in the middle of a search': [Object.assign(/a/g, { lastIndex: 3 })],
  regexp: [/a\/b[\]"]/giu, /(?:)/],
  buffer: { b: Buffer.from('abc'), empty: Buffer.alloc(0) },
  'typed arrays': [
    Int8Array.of(-1),
    Uint8Array.of(1, 2),
    Uint8ClampedArray.of(255),
    Int16Array.of(-300),
    Uint16Array.of(300),
    Int32Array.of(-70000),
    Uint32Array.of(70000),
    Float32Array.of(1.5),
    Float64Array.of(Math.PI, Number.NaN),
    BigInt64Array.of(-5n),
    BigUint64Array.of(5n),
  ],
  'part of a buffer': { part: new Uint16Array(Uint16Array.of(1, 2, 3, 4).buffer, 2, 2) },
  'array buffer': Uint8Array.of(1, 2, 3).buffer,
  'data view': new DataView(Uint8Array.of(1, 2, 3).buffer),
  errors: [new Error('plain'), failure, new RangeError(''), new AggregateError([new Error('one')], 'many')],
  holes,
  sparse,
  cyclic,
  'a cyclic map': cyclicMap,
  'no prototype': Object.assign(Object.create(null), { a: 1, b: { c: 2 } }),
  'own __proto__': JSON.parse('{"__proto__":{"admin":true},"a":1}'),
  'own __proto__ and richer': { list: [JSON.parse('{"__proto__":{"x":1}}')], at: new Date(1) },
  'odd keys': { '': 1, constructor: 2, toString: 3, hasOwnProperty: 4, length: 5, 'a b': 6, 7: 8 },
  'records of like shape': Array.from({ length: 40 }, (_, id) => ({
    id,
    name: `n${id}`,
    tags: ['a', `b${id}`],
  })),
  'a toJSON that is data': { toJSON: 'text' },
  empty: [{}, [], '', new Map(), new Set()],
}

class Money {
  amount = 1
}
class Names extends Map {}
const revoked = Proxy.revocable({}, {})
revoked.revoke()
let deep: unknown[] = []
for (let i = 0; i < 100_000; i++) deep = [deep]
const tag = Symbol('tag')

/** The value, the path that the refusal names, and how it says what is wrong. */
export const refused: Record<string, [value: unknown, path: string, what: RegExp]> = {
  undefined: [undefined, 'value', /undefined, which means/],
  function: [{ user: { tags: [1, 2, 3, () => 1] } }, 'value.user.tags[3]', /a function/],
  'class itself': [{ Money }, 'value.Money', /a function/],
  symbol: [[Symbol('s')], 'value[0]', /a symbol/],
  'symbol key': [{ user: { [tag]: 1 } }, 'value.user[Symbol(tag)]', /a property named by a symbol/],
  'symbol key in a list': [[{ [tag]: 1 }], 'value[0][Symbol(tag)]', /a property named by a symbol/],
  promise: [{ rows: Promise.resolve(1) }, 'value.rows', /a promise: await it/],
  thenable: [{ q: Object.fromEntries([['then', () => 1]]) }, 'value.q', /a promise: await it/],
  stream: [{ body: new ReadableStream() }, 'value.body', /a stream/],
  'weak map': [new Map([['w', new WeakMap()]]), 'value.values()[0]', /a WeakMap/],
  instance: [{ price: new Money() }, 'value.price', /an instance of Money/],
  subclass: [[new Names()], 'value[0]', /an instance of Names/],
  boxed: [{ n: Object(5) }, 'value.n', /an instance of Number/],
  'toJSON function': [{ a: { toJSON: () => 1 } }, 'value.a.toJSON', /a function/],
  'odd key': [{ 'my key': () => 1 }, 'value["my key"]', /a function/],
  'in a set': [new Set([1, () => 1]), 'value.values()[1]', /a function/],
  'key of a map': [new Map([[() => 1, 1]]), 'value.keys()[0]', /a function/],
  'in an error': [{ e: new Error('x', { cause: () => 1 }) }, 'value.e.cause', /a function/],
  getter: [
    {
      get a() {
        throw new Error('no')
      },
    },
    'value.a',
    /cannot be read/,
  ],
  'revoked proxy': [{ p: revoked.proxy }, 'value.p', /a Proxy that cannot be read/],
  'too deep': [deep, `value${'[0]'.repeat(10)}…${'[0]'.repeat(10)}`, /nested more than 1000 levels/],
}
