/** Real memcached servers: plain, on a unix socket, with TLS, with a password, with SASL. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { type Kind, type Place, startServer, type TestServer } from './server.ts'

export interface MemcachedOptions {
  /** More of the command line. */
  args?: string[]
  /** On `<directory>/memcached.sock` instead of a port. */
  unix?: boolean
  /** With a certificate of its own in `<directory>/cert.pem`. */
  tls?: boolean
  /** `memcached -Y`. */
  passwords?: Record<string, string>
  /** `memcached -S`, binary protocol only. */
  sasl?: Record<string, string>
}

export function startMemcached(options: MemcachedOptions = {}): Promise<TestServer> {
  return startServer(memcached(options))
}

export function socketOf({ directory }: Place): string {
  return join(directory, 'memcached.sock')
}

export function certificateOf({ directory }: Place): string {
  return join(directory, 'cert.pem')
}

function memcached({ args = [], unix = false, tls = false, passwords, sasl }: MemcachedOptions): Kind {
  return {
    program: 'memcached',
    args(place) {
      const where = unix ? ['-s', socketOf(place)] : ['-l', place.host, '-p', String(place.port)]
      const files = join(place.directory, 'x').slice(0, -1)
      return [
        ...where,
        ...['-u', userInfo().username, '-t', '2', '-m', '64'],
        ...(tls ? ['-Z', '-o', `ssl_chain_cert=${files}cert.pem,ssl_key=${files}key.pem`] : []),
        ...(passwords ? ['-Y', `${files}passwords`] : []),
        ...(sasl ? ['-S'] : []),
        ...args,
      ]
    },
    env: {},
    prepare({ directory }) {
      if (tls) makeCertificate(directory)
      if (passwords) {
        const lines = Object.entries(passwords).map(([name, password]) => `${name}:${password}\n`)
        writeFileSync(join(directory, 'passwords'), lines.join(''))
      }
    },
    async answers(place) {
      const socket = unix ? connect(socketOf(place)) : connect(place.port, place.host)
      try {
        await once(socket, 'connect')
      } finally {
        socket.destroy()
      }
    },
  }
}

function makeCertificate(directory: string): void {
  const files = { key: join(directory, 'key.pem'), cert: join(directory, 'cert.pem') }
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', files.key]
  execFileSync('openssl', ['req', '-x509', ...key, '-out', files.cert, '-days', '30', ...subject], {
    stdio: 'ignore',
  })
}
