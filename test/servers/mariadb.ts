/** MariaDB for tests: on a directory of its own, quick rather than lasting. As root it runs as `mysql`. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import { startServer, type TestServer } from './server.ts'

export interface TestMariadb extends TestServer {
  /** Of the database `test`. */
  readonly url: string
}

/** Debian keeps servers out of a plain user's PATH. */
const PROGRAM = existsSync('/usr/sbin/mariadbd') ? '/usr/sbin/mariadbd' : 'mariadbd'

const USER = process.getuid?.() === 0 ? ['--user=mysql'] : []

const SETTINGS = {
  'bind-address': '127.0.0.1',
  'innodb-flush-log-at-trx-commit': '0',
  'innodb-flush-method': 'nosync',
  'innodb-buffer-pool-size': '64M',
  'innodb-log-file-size': '16M',
  'skip-log-bin': undefined,
  'skip-name-resolve': undefined,
}

/** @param settings more of its options */
export async function startMariadb(settings: Record<string, string | undefined> = {}): Promise<TestMariadb> {
  const url = (port: number, database: string) => `mysql://warm:secret@127.0.0.1:${port}/${database}`
  const server = await startServer({
    program: PROGRAM,
    prepare({ directory }) {
      const data = join(directory, 'data')
      // The server's user has to pass through it.
      chmodSync(directory, 0o711)
      const args = [
        '--no-defaults',
        `--datadir=${data}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
      ]
      execFileSync('mariadb-install-db', [...args, ...USER], { stdio: 'ignore', cwd: '/' })
    },
    args: ({ directory, port }) => [
      '--no-defaults',
      ...USER,
      `--datadir=${join(directory, 'data')}`,
      `--port=${port}`,
      `--socket=${join(directory, 'data', 'socket')}`,
      ...Object.entries({ ...SETTINGS, ...settings }).map(([name, value]) =>
        value === undefined ? `--${name}` : `--${name}=${value}`,
      ),
    ],
    async answers({ port }) {
      const connection = await mysql.createConnection({
        host: '127.0.0.1',
        port,
        user: 'root',
        connectTimeout: 500,
      })
      try {
        await connection.query('CREATE DATABASE IF NOT EXISTS test')
        await connection.query("CREATE USER IF NOT EXISTS warm@'127.0.0.1' IDENTIFIED BY 'secret'")
        await connection.query("GRANT ALL ON *.* TO warm@'127.0.0.1'")
      } finally {
        connection.destroy()
      }
    },
  })
  return { ...server, url: url(server.port, 'test') }
}
