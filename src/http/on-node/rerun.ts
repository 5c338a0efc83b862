/** A route run again behind a visitor's back: a synthetic GET, whose response goes nowhere but into the cache. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

const reruns = new WeakSet<object>()

/** Is this a request that was made to renew a page? */
export function isRerun(request: object): boolean {
  return reruns.has(request)
}

class Nowhere extends Socket {
  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }

  override _writev(_chunks: unknown, done: () => void): void {
    done()
  }
}

type Fields = { readonly [name: string]: string | number | readonly string[] | undefined }

/** Resolves when the response has ended; rejects where the handler failed. */
export function rerun(
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
  target: string,
  secure: boolean,
  fields: Fields,
): Promise<void> {
  const socket = new Nowhere()
  // What frameworks ask to know the scheme.
  if (secure) Object.assign(socket, { encrypted: true })
  const request = new IncomingMessage(socket)
  request.method = 'GET'
  request.url = target
  request.httpVersion = '1.1'
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  request.headers = {}
  for (const [name, value] of Object.entries(fields)) {
    request.headers[name] = String(value)
    request.rawHeaders.push(name, String(value))
  }
  request.complete = true
  request.push(null)
  reruns.add(request)
  const response = new ServerResponse(request)
  response.assignSocket(socket)
  return new Promise<void>((resolve, reject) => {
    response.once('finish', () => {
      if (response.statusCode < 500) resolve()
      else reject(new Error(`the handler answered ${response.statusCode}`))
    })
    response.once('close', () => reject(new Error('the response was cut short')))
    Promise.resolve()
      .then(() => handle(request, response))
      .catch(reject)
  }).finally(() => socket.destroy())
}
