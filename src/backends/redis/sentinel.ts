/**
 * Where the leader is now, or one of its replicas: asked anew for each connection, so that after a failover the next
 * connection goes to the new leader. Sentinels are tried one after the other; the first that knows is believed.
 */
import type { Address } from './address.ts'
import type { Driver, Reply } from './client.ts'
import { failure, failureOf } from './failure.ts'

interface Watched {
  readonly sentinels: readonly Address[]
  readonly name: string
}

interface Where {
  readonly host: string
  readonly port: number
}

export async function askSentinels(
  { sentinels, name }: Watched,
  role: 'leader' | 'replica',
  driver: Driver,
  { connectTimeout }: { connectTimeout: number },
): Promise<Where> {
  let why: unknown = failure('NO_LEADER', 'No Sentinel knows the leader of that name')
  for (const address of sentinels) {
    const client = driver.open({ address, clientOptions: {}, connectTimeout })
    // Half of the time is for this: whoever stops answering must not keep us from asking the next.
    const timer = setTimeout(() => client.destroy(), connectTimeout / 2)
    try {
      await client.connect()
      const where =
        role === 'leader'
          ? leaderIn(await client.call(['sentinel', 'get-master-addr-by-name', name], '', false))
          : replicaIn(await client.call(['sentinel', 'replicas', name], '', false))
      if (where) return where
    } catch (error) {
      why = error
    } finally {
      clearTimeout(timer)
      client.destroy()
    }
  }
  throw failureOf(why)
}

function leaderIn(reply: Reply): Where | undefined {
  if (!Array.isArray(reply) || reply.length !== 2) return undefined
  return { host: String(reply[0]), port: Number(reply[1]) }
}

/** One at random of those that the Sentinels think well of. */
function replicaIn(reply: Reply): Where | undefined {
  if (!Array.isArray(reply)) return undefined
  const up = reply.map(fieldsOf).filter((fields) => !/down|disconnected/.test(fields.get('flags') ?? 'down'))
  const one = up[Math.floor(Math.random() * up.length)]
  const [host, port] = [one?.get('ip'), one?.get('port')]
  return host === undefined ? undefined : { host, port: Number(port) }
}

/** Names and values in turns, or a map already, as the protocol of the day has it. */
function fieldsOf(reply: unknown): Map<string, string> {
  const flat = Array.isArray(reply)
    ? reply
    : typeof reply === 'object' && reply !== null
      ? Object.entries(reply).flat()
      : []
  const fields = new Map<string, string>()
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(String(flat[i]), String(flat[i + 1]))
  return fields
}
