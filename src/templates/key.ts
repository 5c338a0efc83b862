/**
 * The key of a fragment: `template.cache.<name>.<digest>`, as Django makes it (FRG-07, FRG-10), so that both name one fragment alike.
 *
 * The digest is MD5 over what it varies on, each framed as a netstring (`3:abc,`): no two lists of arguments run together. What
 * is no text gets a frame that no text can have, since a netstring begins with a digit. MD5 only shortens here: whoever could
 * make two lists of one digest chose both of them.
 */
import { createHash } from 'node:crypto'
import { argumentError } from '../core/errors.ts'
import { kindOf } from '../core/options.ts'

/** Of a fragment that varies on nothing (FRG-08). */
const NOTHING = 'd41d8cd98f00b204e9800998ecf8427e'

/**
 * The key under which a fragment rests, to delete or expire it by hand: `await cache.delete(fragmentKey('sidebar', [user.id]))`.
 *
 * Strings, numbers, booleans and bigints count as `String(x)`, so that `1` and `'1'` are one; `null` and `undefined` differ from
 * each other and from every text; a Date is its instant, a list the list of its members, an object what its own `toString` says.
 *
 * @param name literal text, the same for every visitor.
 * @param varyOn what the fragment depends on, in order; none by default.
 * @throws TypeError `INVALID_FRAGMENT_NAME`, or `INVALID_VARY_ON` for an object without a text of its own.
 */
export function fragmentKey(name: string, varyOn?: Iterable<unknown> | null): string {
  if (typeof name !== 'string' || name === '') {
    throw argumentError(
      TypeError,
      'INVALID_FRAGMENT_NAME',
      `the name of a fragment must be a text that is not empty, not ${kindOf(name)}`,
    )
  }
  return `template.cache.${name}.${digest(varyOn)}`
}

function digest(varyOn: Iterable<unknown> | null | undefined): string {
  if (varyOn === undefined || varyOn === null) return NOTHING
  if (typeof varyOn !== 'object' || typeof varyOn[Symbol.iterator] !== 'function') {
    throw argumentError(
      TypeError,
      'INVALID_VARY_ON',
      `what a fragment varies on must be a list, not ${kindOf(varyOn)}: put it in [ ]`,
    )
  }
  let frames = ''
  let position = 0
  for (const argument of varyOn) frames += frame(argument, ++position)
  return frames === '' ? NOTHING : createHash('md5').update(frames).digest('hex')
}

function frame(argument: unknown, position: number): string {
  if (argument === null) return 'null,'
  if (argument === undefined) return 'undefined,'
  if (Array.isArray(argument)) return `[${argument.map((member) => frame(member, position)).join('')}],`
  const text = textOf(argument, position)
  // UTF-8 would make one of all lone surrogates.
  if (!text.isWellFormed()) return `utf16:${Buffer.from(text, 'utf16le').toString('hex')},`
  return `${Buffer.byteLength(text)}:${text},`
}

function textOf(argument: unknown, position: number): string {
  if (typeof argument === 'string') return argument
  if (argument instanceof Date && Number.isFinite(argument.getTime())) return argument.toISOString()
  if (typeof argument !== 'function' && typeof argument !== 'symbol') {
    const text = String(argument)
    // "[object Object]" of one visitor is that of all others.
    if (typeof argument !== 'object' || !/^\[object .*\]$/.test(text)) return text
  }
  throw argumentError(
    TypeError,
    'INVALID_VARY_ON',
    `vary argument ${position} of a fragment is ${kindOf(argument)} without a text of its own: give what tells it from others, such as user.id`,
  )
}
