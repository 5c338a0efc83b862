/** Something to be done to a response just before its head leaves, whoever sends it and however. */
import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { absorb } from './capture.ts'

export function beforeHead(response: ServerResponse, act: (response: ServerResponse) => void): void {
  const { writeHead } = response
  let done = false
  response.writeHead = (status: number, ...rest: unknown[]) => {
    if (done || status < 200) return Reflect.apply(writeHead, response, [status, ...rest])
    done = true
    const [reason, headers] = typeof rest[0] === 'string' ? rest : [undefined, rest[0]]
    absorb(response, headers as OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined)
    act(response)
    return Reflect.apply(writeHead, response, reason === undefined ? [status] : [status, reason])
  }
}
