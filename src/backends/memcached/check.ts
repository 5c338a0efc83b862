/** What is worth a warning about how Memcached was configured: a password that anyone on the way can read, and values that may be old. */
import type { CheckContext, Finding } from '../../core/check.ts'
import type { ClientOptions } from './client/index.ts'

const THIS_MACHINE = /^(unix:|localhost:|127\.|\[::1\])/

/** @param servers `host:port`, `[v6]:port` or `unix:/path`. */
export function checkServers(
  { password, tls, ejectDead }: ClientOptions,
  servers: readonly string[],
  { alias }: CheckContext,
): Finding[] {
  const found: Finding[] = []
  if (password !== undefined && !tls && servers.some((server) => !THIS_MACHINE.test(server))) {
    found.push({
      id: 'memcached.W001',
      message: `Your '${alias}' cache sends its password to another machine in the clear.`,
      hint: 'Set tls: true, or reach the server by a unix socket.',
    })
  }
  if (ejectDead && servers.length > 1) {
    found.push({
      id: 'memcached.W002',
      message: `Your '${alias}' cache may serve old values after a server was down: with ejectDead its keys move away and back.`,
      hint: 'Leave ejectDead off, so that they are misses meanwhile, or keep the ttl short.',
    })
  }
  return found
}
