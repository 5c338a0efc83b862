/** The servers behind one backend: who takes the writes, and who is asked for the reads. */
import { ConfigError } from '../../core/errors.ts'
import type { Address } from './address.ts'
import type { Client, Driver } from './client.ts'
import { adopt, loadDriver } from './drivers.ts'
import { isNoAnswer } from './failure.ts'
import { Link, type Source } from './link.ts'
import type { RedisSettings } from './options.ts'
import { askSentinels } from './sentinel.ts'

export class Servers {
  /** Takes every write, and the reads that must not lag. */
  readonly leader: Link
  readonly #readers: readonly Link[]
  /** Keys of one command must share a slot. */
  readonly cluster: boolean

  constructor(settings: RedisSettings) {
    const { places, readReplicas } = settings
    // Loading a library takes a good part of what the first operation may take; whether it is there is said then.
    if (places.kind !== 'client') loadDriver(settings.driver).catch(() => {})
    const link = (source: Source) => new Link(source, settings)
    const at = (address: Address) => link({ borrowed: false, make: () => this.#connect(settings, address) })
    this.cluster = places.kind === 'cluster'
    switch (places.kind) {
      case 'servers':
        this.leader = at(places.leader)
        this.#readers = readReplicas ? places.replicas.map(at) : []
        break
      case 'sentinels': {
        const found = (role: 'leader' | 'replica') => ({
          borrowed: false,
          make: async () => {
            const driver = await loadDriver(settings.driver)
            const where = await askSentinels(places, role, driver, settings)
            return open(driver, settings, { ...places.login, ...where })
          },
        })
        this.leader = link(found('leader'))
        this.#readers = readReplicas ? [link(found('replica'))] : []
        break
      }
      case 'cluster':
        this.leader = link({
          borrowed: false,
          make: async () => (await loadDriver(settings.driver)).openCluster({ ...places, ...settings }),
        })
        this.#readers = []
        break
      case 'client': {
        const client = adopted(places.client)
        this.cluster = client.cluster
        this.leader = link({ borrowed: true, make: () => client })
        this.#readers = []
      }
    }
  }

  /** Nothing has been connected yet: the first operation also loads the library and opens the connection. */
  get cold(): boolean {
    return this.leader.cold
  }

  /** One of those that answer reads, at random; the leader when none of the replicas is there. */
  reader(): Link {
    if (this.#readers.length === 0) return this.leader
    const hopeful = this.#readers.filter((link) => link.hopeful)
    return hopeful[Math.floor(Math.random() * hopeful.length)] ?? this.leader
  }

  /** Does this error say that no server answered? One node of a Cluster is not the Cluster. */
  noAnswer(error: unknown): boolean {
    return isNoAnswer(error) && !(this.cluster && this.leader.hopeful)
  }

  /** Resolves when a new connection to the leader has answered; the readers come after by themselves. */
  async reconnect(): Promise<void> {
    for (const reader of this.#readers) reader.reconnect().catch(() => {})
    await this.leader.reconnect()
  }

  close(): void {
    this.leader.close()
    for (const reader of this.#readers) reader.close()
  }

  async #connect(settings: RedisSettings, address: Address): Promise<Client> {
    return open(await loadDriver(settings.driver), settings, address)
  }
}

function open(driver: Driver, { clientOptions, connectTimeout }: RedisSettings, address: Address): Client {
  return driver.open({ address, clientOptions, connectTimeout })
}

function adopted(client: object): Client {
  const options = 'options' in client ? client.options : undefined
  if (typeof options === 'object' && options !== null && 'keyPrefix' in options && options.keyPrefix) {
    // It would change the keys of commands but not those that SCAN answers, and clear() would miss them.
    throw new ConfigError(
      'INVALID_OPTION',
      'redis(): the client has a keyPrefix of its own: make one without, and give keyPrefix to the cache',
    )
  }
  const found = adopt(client)
  if (found) return found
  throw new ConfigError(
    'INVALID_OPTION',
    'redis(): client must be a Redis or Cluster of ioredis, or a client or cluster of node-redis from 5 on',
  )
}
