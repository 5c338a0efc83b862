/**
 * The placeholder of a read that is under way: a stamp taken before it, and compared before what it answered is kept near. Whatever is
 * written or heard of meanwhile changes the stamp, and wins. Keys share a fixed number of stamps: one that shares by chance costs a
 * near copy, never a wrong one, and nothing has to be let go of.
 */
const STRIPES = 1 << 14

export class Stamps {
  readonly #stamps = new Float64Array(STRIPES)
  #all = 0

  /** What a key's stamp is now. It only ever grows. */
  at(storageKey: string): number {
    return this.#stamps[stripe(storageKey)]! + this.#all
  }

  /** Breaks the placeholders of a key; its new stamp. */
  change(storageKey: string): number {
    const at = stripe(storageKey)
    return ++this.#stamps[at]! + this.#all
  }

  /** Breaks all there are. */
  changeAll(): void {
    this.#all++
  }
}

function stripe(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 15)) & (STRIPES - 1)
}
