/**
 * Requests fed with bytes, without a socket: what a connection does with replies, for tests that need millions of them.
 */
import { MemcachedError, ProtocolDoubt } from '../../../../src/backends/memcached/client/errors.ts'
import { Outbox } from '../../../../src/backends/memcached/client/outbox.ts'
import type { Request } from '../../../../src/backends/memcached/client/request.ts'
import type { Dialect, Reject, Resolve } from '../../../../src/backends/memcached/client/verbs.ts'

export type Outcome = { value: unknown } | { error: string } | 'open'

/** One of each verb that a stream may be the answer to, tokens 1 to 9. */
export const VERBS = [
  'get',
  'getMany',
  'store',
  'setMany',
  'delete',
  'touch',
  'count',
  'stats',
  'hello',
] as const
export type Verb = (typeof VERBS)[number]

function make<Reply>(
  dialect: Dialect<Reply>,
  verb: Verb,
  resolve: Resolve<unknown>,
  reject: Reject,
): Request<Reply> {
  const value = Buffer.from('value')
  switch (verb) {
    case 'get':
      return dialect.get('key', { cas: true }, resolve, reject)
    case 'getMany':
      return dialect.getMany(['a', 'b', 'c'], undefined, resolve, reject)
    case 'store':
      return dialect.store('key', value, undefined, resolve, reject)
    case 'setMany':
      return (
        dialect.setMany?.([['key', value]], undefined, resolve, reject) ??
        dialect.store('key', value, undefined, resolve, reject)
      )
    case 'delete':
      return dialect.delete('key', undefined, resolve, reject)
    case 'touch':
      return dialect.touch('key', 5, resolve, reject)
    case 'count':
      return dialect.count('key', false, { initial: 5 }, resolve, reject)
    case 'stats':
      return dialect.stats('', resolve, reject)
    case 'hello':
      return dialect.hello(resolve, reject)
  }
}

/**
 * What becomes of each verb when these chunks come, the first `from` of them being answered already. Ends at the first doubt, which is `'doubt'` for all that were open.
 * Any other exception passes through: it would be a fault.
 */
export function feed<Reply>(
  dialect: Dialect<Reply>,
  verbs: readonly Verb[],
  chunks: Iterable<Buffer>,
  from = 0,
): Outcome[] {
  const outcomes: Outcome[] = verbs.map(() => 'open')
  const reader = dialect.reader(1000)
  const out = new Outbox()
  let token = 1
  const requests = verbs.map((verb, i) => {
    const request = make(
      dialect,
      verb,
      (value) => {
        outcomes[i] = { value }
      },
      (error) => {
        outcomes[i] = { error: error instanceof MemcachedError ? error.code : String(error) }
      },
    )
    token += request.write(out, token)
    return request
  })
  let head = from
  try {
    for (const chunk of chunks) {
      reader.push(chunk, (reply) => {
        const request = requests[head]
        if (request === undefined) throw new ProtocolDoubt('a reply that nobody waits for')
        if (request.take(reply)) head++
      })
    }
  } catch (fault) {
    if (!(fault instanceof ProtocolDoubt)) throw fault
    for (let i = head; i < outcomes.length; i++) outcomes[i] = { error: 'doubt' }
  }
  return outcomes.slice(from)
}
