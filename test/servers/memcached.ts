/** Real memcached servers: plain, on a unix socket, with TLS, with a password, with SASL. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { atEnd, type Kind, type Place, startServer, type TestServer } from './server.ts'

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
      const files = `${place.directory}/`
      return [
        ...where,
        ...['-u', userInfo().username, '-t', '2', '-m', '64'],
        ...(tls ? ['-Z', '-o', `ssl_chain_cert=${files}cert.pem,ssl_key=${files}key.pem`] : []),
        ...(passwords ? ['-Y', `${files}passwords`] : []),
        ...(sasl ? ['-S'] : []),
        ...args,
      ]
    },
    env: ({ directory }) => (sasl ? { SASL_CONF_PATH: directory } : {}),
    prepare({ directory }) {
      if (tls) makeCertificate(directory)
      if (passwords) {
        const lines = Object.entries(passwords).map(([name, password]) => `${name}:${password}\n`)
        writeFileSync(join(directory, 'passwords'), lines.join(''))
      }
      if (sasl) listenForLogins(directory, sasl)
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

/**
 * Cyrus SASL asks a daemon whether a password is right: name, password, service and realm, each behind its length in two
 * bytes, answered by OK or NO. Being that daemon needs no password file.
 */
function listenForLogins(directory: string, passwords: Record<string, string>): void {
  const path = join(directory, 'mux')
  const lines = ['mech_list: plain', 'pwcheck_method: saslauthd', `saslauthd_path: ${path}`, '']
  writeFileSync(join(directory, 'memcached.conf'), lines.join('\n'))
  const daemon = createServer((socket) => {
    let asked = Buffer.alloc(0)
    socket.on('data', (bytes) => {
      asked = Buffer.concat([asked, bytes])
      const words: string[] = []
      for (let at = 0; at + 2 <= asked.length; ) {
        const end = at + 2 + asked.readUInt16BE(at)
        if (end > asked.length) return
        words.push(asked.toString('utf8', at + 2, end))
        at = end
      }
      if (words.length < 4) return
      const [name = '', password] = words
      socket.end(Object.hasOwn(passwords, name) && passwords[name] === password ? '\0\x02OK' : '\0\x02NO')
    })
  })
  daemon.listen(path)
  atEnd(() => void daemon.close())
}
