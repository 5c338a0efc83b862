/**
 * What values weigh in the heap of V8 (64 bits, without pointer compression, as Node is built), so
 * that a limit in bytes is kept honestly. Sizes of objects are those of `%DebugPrint`, rounded up.
 */

/** Text that fits Latin-1 takes a byte a character, all other text two. */
export function weighString(text: string): number {
  return 16 + ((text.length * (isLatin1(text) ? 1 : 2) + 7) & ~7)
}

/** What text can weigh at most, without a look at its characters. */
export function mostOfString(text: string): number {
  return 16 + ((text.length * 2 + 7) & ~7)
}

function isLatin1(text: string): boolean {
  // The native count is quick, but has a price to begin with.
  if (text.length > 64) return Buffer.byteLength(text) === text.length || !/[^\0-\xff]/.test(text)
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) return false
  }
  return true
}

/** A small integer lies in its place; any other number is an object. */
export function weighNumber(value: number): number {
  return (value | 0) === value && !Object.is(value, -0) ? 0 : 16
}

export function weighBigint(value: bigint): number {
  return BigInt.asIntN(64, value) === value ? 24 : 24 + Math.ceil(value.toString(16).length / 2)
}

/** Up to here the names of properties are shared by all objects of a shape; beyond, each object has a dictionary. */
const SHAPED = 128

export function weighRecord(names: readonly PropertyKey[]): number {
  let weight = 56 + 8 * names.length
  if (names.length <= SHAPED) return weight
  for (const name of names) weight += 96 + weighString(String(name))
  return weight
}

export function weighArray(length: number): number {
  return 48 + 8 * length
}

/** Map and Set keep as many places as the next power of two, and half as many chains. */
export function weighCollection(size: number, fields: number): number {
  const places = 2 ** Math.max(2, Math.ceil(Math.log2(size + 1)))
  return 72 + 8 * places * (fields + 1.5)
}

/** A view, its buffer, the bytes, and what the engine keeps outside its heap to look after them. */
export function weighBytes(length: number): number {
  return 320 + ((length + 15) & ~15)
}

/** Date, RegExp, Error, without the text of the latter. */
export const WEIGHT_OF_BUILTIN = 160
