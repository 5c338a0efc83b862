/**
 * The options of the verbs, checked before anything is sent and the same on every protocol. What only the meta protocol can do is
 * refused by the others, never ignored.
 */
import { checkNames, unsigned64 } from './arguments.ts'
import { argumentError, MemcachedError } from './errors.ts'
import { expiryOnWire } from './expiry.ts'
import type { CountOptions, DeleteOptions, GetOptions, Mode, SetOptions, StoreOptions } from './verbs.ts'

const MODES: readonly string[] = ['set', 'add', 'replace', 'append', 'prepend'] satisfies Mode[]

export function checkGet(options: GetOptions | undefined): void {
  if (options !== undefined) {
    checkNames('get', options, ['cas', 'ttl', 'touch', 'vivify', 'recache', 'value', 'bump'])
  }
}

export function checkStore(options: StoreOptions | undefined): Mode {
  if (options === undefined) return 'set'
  checkNames('store', options, ['expiry', 'flags', 'mode', 'cas', 'acceptStale', 'newCas', 'returnCas'])
  const { mode = 'set' } = options
  if (!MODES.includes(mode)) {
    throw argumentError(TypeError, 'INVALID_ARGUMENT', `mode: one of ${MODES.join(', ')}`)
  }
  return mode
}

export function checkSetMany(options: SetOptions | undefined): void {
  if (options !== undefined) checkNames('setMany', options, ['expiry', 'flags'])
}

export function checkDelete(options: DeleteOptions | undefined): void {
  if (options !== undefined) checkNames('delete', options, ['cas', 'stale', 'expiry'])
}

/** What a counter is counted by, made with (if it is to be made) and kept for. */
export function checkCount(options: CountOptions = {}): {
  by: bigint
  initial: bigint | undefined
  expiry: number
} {
  checkNames('incr', options, ['by', 'initial', 'expiry'])
  const { by = 1, initial, expiry } = options
  return {
    by: unsigned64('by', by),
    initial: initial === undefined ? undefined : unsigned64('initial', initial),
    expiry: expiryOnWire(expiry),
  }
}

/** Refuses options that say more than the protocol can. */
export function onlyMeta<O extends object>(
  options: O | undefined,
  names: readonly (keyof O & string)[],
): void {
  for (const name of names) {
    const asked = options?.[name]
    // `bump` is the one that is true of itself.
    if (asked !== undefined && asked !== (name === 'bump')) throw needsMeta(name)
  }
}

export function needsMeta(what: string): MemcachedError {
  return new MemcachedError('NOT_SUPPORTED', `${what} needs protocol: 'meta'`)
}
