// @ts-check
/**
 * A caching reverse proxy: our page cache in front of a small handler that passes every request on to an
 * origin. Everything optional in RFC 9111 is switched on, by options alone. `node server.mjs http://origin:8000 8080`.
 */
import http from 'node:http'
import { pathToFileURL } from 'node:url'
import { createCaches, memory } from 'stillwarm'
import { pageCache } from 'stillwarm/http/node'

/**
 * @param {{ originUrl: string }} options
 * @returns {http.Server} not yet listening
 */
export function createServer({ originUrl }) {
  const caches = createCaches({ default: { backend: memory({ maxEntries: 10_000, maxBytes: '256mb' }) } })
  const origin = new URL(originUrl)
  const agent = new http.Agent({ keepAlive: true })

  const pages = pageCache(caches, {
    // Only what says itself how long it is fresh is stored, whatever its status …
    ttl: 0,
    anyStatus: true,
    // … or may be guessed at, from when it was last modified.
    heuristic: 0.1,
    // An origin says what depends on cookies and credentials by Vary and Cache-Control.
    credentials: 'declared',
    stripSetCookie: true,
    targets: ['CDN-Cache-Control'],
    obeyRequests: true,
    mustUnderstand: true,
    normalise: { 'accept-language': wishes },
    keepToValidate: '1d',
    staleIfError: '1m',
    // The origin's validators are the only ones.
    etag: false,
    explain: false,
  })

  const cached = pages.wrap((request, response) => passOn(origin, agent, request, response))
  const server = http.createServer(async (request, response) => {
    try {
      await cached(request, response)
    } catch {
      // Neither the origin nor a stale page could answer.
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    }
  })
  server.on('close', () => {
    agent.destroy()
    void caches.close()
  })
  return server
}

/**
 * A list of languages in one form: tags are the same in any letter case, and each says by its weight where it stands, so that
 * neither blanks nor the order of the list tell anything (RFC 9110 §12.5.4).
 *
 * @param {string} value
 */
function wishes(value) {
  return value
    .toLowerCase()
    .replace(/[ \t]+/g, '')
    .split(',')
    .sort()
    .join()
}

/** Fields of one connection, which the next one has its own of. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade']

/**
 * Passes a request on, and rejects where the origin fails, so that the cache may stand in.
 *
 * @param {URL} origin
 * @param {http.Agent} agent
 * @param {http.IncomingMessage} request
 * @param {http.ServerResponse} response
 * @returns {Promise<void>}
 */
function passOn(origin, agent, request, response) {
  return new Promise((resolve, reject) => {
    const { method, url: path } = request
    const headers = withoutHops(request.rawHeaders)
    const options = { agent, host: origin.hostname, port: origin.port, method, path, headers }
    const onward = http.request(options, (answer) => {
      answer.on('error', (error) => {
        response.destroy()
        reject(error)
      })
      answer.on('end', resolve)
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutHops(answer.rawHeaders))
      answer.pipe(response)
    })
    onward.on('information', (interim) => {
      if (interim.statusCode === 102) response.writeProcessing()
      // Node sends early hints only with a Link among them.
      else if (interim.statusCode === 103 && interim.headers.link) response.writeEarlyHints(hintsOf(interim))
    })
    onward.on('error', reject)
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
}

/** @param {http.InformationEvent} interim */
function hintsOf({ headers }) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}

/** @param {string[]} lines names and values in turn */
function withoutHops(lines) {
  const named = lines.filter((_, i) => i % 2 === 1 && lines[i - 1]?.toLowerCase() === 'connection')
  const hops = new Set([
    ...HOP_BY_HOP,
    ...named
      .join()
      .toLowerCase()
      .split(/\s*,\s*/),
  ])
  return lines.filter((_, i) => !hops.has((lines[i - (i % 2)] ?? '').toLowerCase()))
}

const [, file, originUrl, port] = process.argv
if (file && originUrl && import.meta.url === pathToFileURL(file).href) {
  createServer({ originUrl }).listen(Number(port ?? 8080), () =>
    console.log(`http://127.0.0.1:${port ?? 8080}`),
  )
}
