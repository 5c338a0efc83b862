import http from 'node:http'

export interface Got {
  status: number
  headers: http.IncomingHttpHeaders
  raw: string[]
  body: string
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 300 })

/** One request over a kept connection, with fields as they are given. */
export function ask(
  url: string,
  options: { method?: string; headers?: http.OutgoingHttpHeaders; path?: string; body?: string } = {},
): Promise<Got> {
  const { method = 'GET', headers = {}, body } = options
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname, search } = new URL(url)
    const path = options.path ?? pathname + search
    const request = http.request({ agent, hostname, port, path, method, headers }, (answer) => {
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('error', reject)
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          raw: answer.rawHeaders,
          body: Buffer.concat(pieces).toString(),
        }),
      )
      answer.on('aborted', () => reject(new Error('aborted')))
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Whether the answer came out of the store. */
export function isHit({ headers }: Got): boolean {
  return /; hit/.test(String(headers['cache-status']))
}
