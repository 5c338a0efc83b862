// @ts-check
/** Load over kept connections, one request at a time on each: raw sockets, so that the server is what is measured. */
import net from 'node:net'

const FIELDS =
  'Host: bench.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html\r\nAccept-Language: en\r\nCookie: _ga=1\r\nConnection: keep-alive\r\n\r\n'

/**
 * Answers latencies in milliseconds, one for each request.
 *
 * @param {number} port
 * @param {number} count
 * @param {number} connections
 * @param {(n: number) => string} path
 * @returns {Promise<number[]>}
 */
export async function load(port, count, connections = 16, path = () => '/page') {
  /** @type {number[]} */
  const latencies = []
  let sent = 0
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise((resolve, reject) => {
          const socket = net.connect(port, '127.0.0.1')
          socket.setNoDelay(true)
          let left = 0
          let begun = 0
          let head = ''
          const next = () => {
            if (sent >= count) {
              socket.end()
              resolve(undefined)
              return
            }
            head = ''
            begun = performance.now()
            socket.write(`GET ${path(sent++)} HTTP/1.1\r\n${FIELDS}`)
          }
          socket.on('connect', next)
          socket.on('error', reject)
          socket.on('data', (piece) => {
            if (left > 0) left -= piece.length
            else {
              head += piece.toString('latin1')
              const end = head.indexOf('\r\n\r\n')
              if (end === -1) return
              if (!head.startsWith('HTTP/1.1 200')) return void reject(new Error(head.slice(0, 100)))
              const length = /\r\ncontent-length: *(\d+)/i.exec(head)
              left = Number(length?.[1]) - (head.length - end - 4)
            }
            if (left > 0) return
            latencies.push(performance.now() - begun)
            next()
          })
        }),
    ),
  )
  return latencies
}
