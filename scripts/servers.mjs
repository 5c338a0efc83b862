// @ts-check
/**
 * The real servers that the tests of a backend talk to, from Debian's packages. Each test starts
 * its own on a free port and ends it; here they only get installed, and only for backends that exist.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { FAMILIES, members } from './house.mjs'
import { isMain, ROOT } from './report.mjs'

/** Backend → its servers: the program that tells whether it is there, and the package that brings it. */
const SERVERS = {
  memcached: [{ program: 'memcached', from: 'memcached' }],
  redis: [{ program: 'redis-server', from: 'redis-server' }],
  sql: [
    { program: 'pg_ctlcluster', from: 'postgresql' },
    { program: 'mariadbd', from: 'mariadb-server' },
  ],
}

/** Installs what is missing. Throws where it cannot: a test that needs a server is never left out. */
export function installServers() {
  const backends = FAMILIES.filter(({ folder }) => folder === 'backends').flatMap((family) =>
    members(ROOT, family),
  )
  const missing = Object.entries(SERVERS)
    .filter(([backend]) => backends.includes(backend))
    .flatMap(([, servers]) => servers)
    .filter(
      ({ program }) => spawnSync('sh', ['-c', `command -v ${program}`], { env: withSbin() }).status !== 0,
    )
    .map(({ from }) => from)
  if (missing.length === 0) return
  console.log(`Installing test servers: ${missing.join(' ')}`)
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const apt = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', '-o', 'Dpkg::Use-Pty=0']
  try {
    command([...apt, 'update'])
    command([...apt, 'install', '-y', '--no-install-recommends', ...missing])
  } catch (cause) {
    throw new Error(`The tests need these servers; install them by hand: ${missing.join(' ')}`, { cause })
  }
}

/** Debian keeps servers out of a plain user's PATH. */
function withSbin() {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
}

/** @param {string[]} words */
function command([program = '', ...args]) {
  execFileSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
}

if (isMain(import.meta.url)) installServers()
