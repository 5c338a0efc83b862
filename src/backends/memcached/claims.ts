/**
 * The right to make a key, held by the key's own item: no script and no second item, since two items cannot be compared in one step.
 *
 * Where nothing rests, a claim is an item of its own (a stub, which no verb sees), made by `add`: of many who try one succeeds. Where
 * an entry rests, the claim is put before it by compare-and-set. Either way whoever writes the key writes over the claim:
 *
 * - claim, set by another, fill: the set put another item there; the fill compares, and comes to nothing.
 * - claim, delete, fill: nothing is there to compare with. That the key looks as it did before the claim changes nothing.
 * - claim, delete, claim by another, fill: a stub again, and another's: its cas differs, and so does its nonce.
 * - claim, `add` or `incr` of what is missing: they find a stub in their way, and write over it by compare-and-set.
 * - claim, touch or replace, fill: they write the claim back beside the entry; the cas differs, the nonce does not, and the fill
 *   looks again.
 * - claim, `clear: 'epoch'`, fill: the mark makes the item and the claim in it a thing of the past; the fill looks first.
 * - claim, the server forgets (restart, eviction), fill: nothing to compare with. What was loaded is handed out and not kept.
 *
 * A fill whose connection was never lost since the claim compares by the cas alone, in one step. Otherwise it looks for its nonce first:
 * a server that was started again counts its cas from 1 again.
 */
import { randomBytes } from 'node:crypto'
import type { Claimed } from '../../core/backend.ts'
import type { At, Found, Items } from './items.ts'
import { NONCE_BYTES } from './resting.ts'

/** Others who write between our look and our write, so often in a row. */
const ATTEMPTS = 50

export class Claims {
  readonly #items: Items

  constructor(items: Items) {
    this.#items = items
  }

  async claim(at: At, ms: number): Promise<Claimed> {
    const items = this.#items
    const nonce = randomBytes(NONCE_BYTES).toString('base64url')
    const claim = { nonce, until: items.clock.now() + ms }
    if (items.link.losses.has(at.wireKey)) await items.mend(at.wireKey)
    let stored: Uint8Array | undefined
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // In one batch: mostly there is nothing, and then the claim is made.
      const [cas, found] = await Promise.all([items.makeStub(at, claim), items.look(at)])
      if (cas !== undefined) return { token: tokenOf(nonce, cas, items.link.life) }
      stored = found?.entry
      if (found === undefined) continue
      if (found.claim !== undefined && found.claim.until > items.clock.now()) break
      if (await items.reclaim(at, found, claim)) return { ...kept(stored), token: nonce }
    }
    return kept(stored)
  }

  async extend(at: At, token: string, ms: number): Promise<boolean> {
    const items = this.#items
    return this.#under(at, token, (found) =>
      items.reclaim(at, found, { nonce: nonceOf(token), until: items.clock.now() + ms }),
    )
  }

  async fill(at: At, token: string, what: Uint8Array, end: number): Promise<boolean> {
    const items = this.#items
    const [, cas, life] = token.split('.')
    if (cas !== undefined && life === items.link.life && at.mark === undefined) {
      if (await items.over(at, BigInt(cas), what, items.entry(at, what, end))) return true
    }
    return this.#under(at, token, (found) => items.over(at, found.cas, what, items.entry(at, what, end)))
  }

  async release(at: At, token?: string): Promise<void> {
    await this.#under(at, token, (found) => this.#items.reclaim(at, found, undefined))
  }

  /** Does something by compare-and-set while the claim is this token's (any, without one). `false`: it is not, or no longer. */
  async #under(
    at: At,
    token: string | undefined,
    write: (found: Found) => Promise<boolean>,
  ): Promise<boolean> {
    const nonce = token === undefined ? undefined : nonceOf(token)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.#items.look(at)
      if (found?.claim === undefined) return false
      if (nonce !== undefined && found.claim.nonce !== nonce) return false
      if (await write(found)) return true
    }
    return false
  }
}

function kept(stored: Uint8Array | undefined): Claimed {
  // A copy: it is kept while the load runs, and would keep all that was read with it.
  return stored === undefined ? {} : { stored: Buffer.from(stored) }
}

function tokenOf(nonce: string, cas: bigint, life: string): string {
  return cas === 0n ? nonce : `${nonce}.${cas}.${life}`
}

function nonceOf(token: string): string {
  return token.split('.', 1)[0]!
}
