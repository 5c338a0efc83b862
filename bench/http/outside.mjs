// @ts-check
/**
 * What does a page out of the cache cost, beside nginx and Varnish that have it in theirs? G3 of the goals. Both are found in PATH; all three are in front of the same origin and asked in turn by the same client.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load } from './load.mjs'
import { serve } from './pages.mjs'

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address && typeof address === 'object' ? address.port : 0))
    })
  })
}

/**
 * Starts a server that makes pages of the origin's and ends with this process. Answers its port, once it serves.
 *
 * @param {(port: number, origin: number, directory: string) => [program: string, args: string[]]} command
 */
async function startBeside(command) {
  const directory = mkdtempSync(join(tmpdir(), 'stillwarm-bench-'))
  const [port, origin] = [await freePort(), await serve('node')]
  const [program, args] = command(port, origin, directory)
  const child = spawn(program, args, { stdio: 'ignore' })
  process.on('exit', () => {
    child.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  for (let turn = 0; turn < 100; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    if (await load(port, 1, 1).catch(() => undefined)) return port
  }
  throw new Error(`${program} does not serve`)
}

const nginx = () =>
  startBeside((port, origin, directory) => {
    const config = join(directory, 'nginx.conf')
    writeFileSync(
      config,
      `${process.getuid?.() === 0 ? 'user root;' : ''} worker_processes 1; daemon off; pid ${directory}/pid; error_log stderr crit;
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 100000000; default_type text/html;
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/fast;
  uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  proxy_cache_path ${directory}/pages keys_zone=pages:1m;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${origin}; proxy_cache pages; proxy_cache_valid 200 1h; }
  }
}`,
    )
    return ['nginx', ['-p', directory, '-c', config]]
  })

const varnish = () =>
  startBeside((port, origin, directory) => {
    const config = join(directory, 'pages.vcl')
    writeFileSync(
      config,
      `vcl 4.1; backend default { .host = "127.0.0.1"; .port = "${origin}"; } sub vcl_recv { unset req.http.Cookie; }`,
    )
    return [
      'varnishd',
      [
        '-F',
        '-j',
        'none',
        '-a',
        `127.0.0.1:${port}`,
        '-f',
        config,
        '-n',
        directory,
        '-t',
        '3600',
        '-s',
        'malloc,64m',
      ],
    ]
  })

/** @param {() => Promise<number>} start */
const contender = (start) => async () => {
  const port = await start()
  return async () => {
    const begun = performance.now()
    const { length } = await load(port, 8_000)
    return ((performance.now() - begun) * 1000) / length
  }
}

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  {
    name: 'G3 a hit of 10 KB beside servers that are no Node',
    unit: 'µs/request',
    limit: 'nginx',
    contenders: {
      nginx: contender(nginx),
      varnish: contender(varnish),
      'node:http': contender(() => serve('node')),
      stillwarm: contender(() => serve('page cache')),
    },
    goals: [
      { contender: 'stillwarm', of: 'nginx', times: 0.55 },
      { contender: 'stillwarm', of: 'varnish', times: 0.95 },
    ],
  },
]
