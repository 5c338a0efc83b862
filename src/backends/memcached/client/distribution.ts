/** Which server a key rests on: an index into the list of servers. */
import { ketama } from './ketama.ts'
import { modula } from './modula.ts'
import type { Settings } from './options.ts'
import { rendezvous } from './rendezvous.ts'
import type { Address } from './servers.ts'

export type Place = (key: string) => number

export function distribute({ distribution, hash }: Settings, servers: readonly Address[]): Place {
  if (servers.length === 1) return () => 0
  if (distribution === 'ketama') return ketama(servers)
  return distribution === 'modula' ? modula(servers, hash) : rendezvous(servers)
}
