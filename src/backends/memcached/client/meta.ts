/**
 * The meta protocol (`mg`, `ms`, `md`, `ma`, `mn`), from memcached 1.6.10 on: base64 keys, tokens, quiet batches, one
 * winner among those that miss.
 */
import { ProtocolDoubt } from './errors.ts'
import { type Line, LineReader } from './lines.ts'
import { Get, GetMany } from './meta-get.ts'
import { announced } from './meta-reply.ts'
import { Count, Delete, SetMany, Store, Touch } from './meta-set.ts'
import type { Outbox } from './outbox.ts'
import { Request } from './request.ts'
import { AsciiLogin, Flush, Stats, serverError, Version } from './text-admin.ts'
import type { Dialect } from './verbs.ts'

/** The version, then `MN`: a server that knows no meta commands says `ERROR` here. */
class Hello extends Request<Line, string> {
  #version = ''

  write(out: Outbox): number {
    out.line('version\r\nmn\r\n')
    return 0
  }

  take(line: Line): boolean {
    if (this.#version === '' && line.startsWith('VERSION ')) {
      this.#version = line.text().slice('VERSION '.length)
      return false
    }
    if (line.is('MN') && this.#version !== '') {
      this.resolve(this.#version)
      return true
    }
    if (line.is('ERROR'))
      return this.refuse('NOT_SUPPORTED', "It speaks no meta protocol: use protocol: 'text'")
    const error = serverError(line, this.server)
    if (error === undefined) throw new ProtocolDoubt('no answer to the first command')
    this.reject(error)
    return true
  }
}

export const meta: Dialect<Line> = {
  name: 'meta',
  makesCounters: true,
  reader: (maxValueBytes) => new LineReader(announced, maxValueBytes),
  login: (credentials, resolve, reject) => new AsciiLogin(credentials, resolve, reject),
  hello: (resolve, reject) => new Hello(resolve, reject),
  get: (key, options, resolve, reject) => new Get(key, options, resolve, reject),
  getMany: (keys, options, resolve, reject) => new GetMany(keys, options, resolve, reject),
  store: (key, value, options, resolve, reject) => new Store(key, value, options, resolve, reject),
  setMany: (entries, options, resolve, reject) => new SetMany(entries, options, resolve, reject),
  delete: (key, options, resolve, reject) => new Delete(key, options, resolve, reject),
  touch: (key, expiry, resolve, reject) => new Touch(key, expiry, resolve, reject),
  count: (key, down, options, resolve, reject) => new Count(key, down, options, resolve, reject),
  flush: (delay, resolve, reject) => new Flush(delay, resolve, reject),
  version: (resolve, reject) => new Version(resolve, reject),
  stats: (topic, resolve, reject) => new Stats(topic, resolve, reject),
}
