/**
 * The built-ins that a value may hold and that hold no values themselves: dates, patterns, bytes. Each is told by
 * its very prototype, since a subclass would come back as something else.
 */
const TYPED_ARRAYS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]

/** Every view of bytes but Buffer. */
export const BYTE_VIEWS: readonly (new (buffer: ArrayBuffer) => ArrayBufferView)[] = [
  DataView,
  ...TYPED_ARRAYS,
]

/** The prototypes of what holds bytes: Buffer, ArrayBuffer, DataView and every typed array. */
export const byteHolders: ReadonlySet<object> = new Set(
  [Buffer, ArrayBuffer, ...BYTE_VIEWS].map(({ prototype }) => prototype),
)

const copiers = new Map<unknown, (leaf: unknown) => object>()

function keep<T extends object>(prototype: T, copy: (leaf: T) => object): void {
  copiers.set(prototype, (leaf) => copy(leaf as T))
}

keep(Date.prototype, (date) => new Date(date.getTime()))
keep(RegExp.prototype, (pattern) => {
  const copy = new RegExp(pattern.source, pattern.flags)
  copy.lastIndex = pattern.lastIndex
  return copy
})
keep(ArrayBuffer.prototype, (buffer) => buffer.slice(0))
keep(DataView.prototype, (view) => {
  const bytes = new Uint8Array(view.byteLength)
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  return new DataView(bytes.buffer)
})
keep(Buffer.prototype, (buffer) => {
  // Not from Node's pool: the pool would stay as long as the copy does.
  const copy = Buffer.allocUnsafeSlow(buffer.length)
  copy.set(buffer)
  return copy
})
for (const TypedArray of TYPED_ARRAYS) {
  // The constructor copies number by number whatever the buffer below is, and takes the viewed part alone.
  keep(TypedArray.prototype, (view) => new TypedArray(view as never))
}

/** Its own copy, or `undefined` for what is no leaf. */
export function copyLeaf(value: object): object | undefined {
  return copiers.get(Object.getPrototypeOf(value))?.(value)
}

/** How many bytes a leaf holds; `undefined` where it is no bytes. */
export function byteLengthOf(leaf: object): number | undefined {
  return leaf instanceof ArrayBuffer || ArrayBuffer.isView(leaf) ? leaf.byteLength : undefined
}
