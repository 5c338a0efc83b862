/** A hit as an answer to be sent: the stored lines, Age, and what a part or a refusal needs. */
import type { Hit } from './policy/lookup.ts'
import type { StoredPage } from './resting.ts'
import type { Reply } from './visit.ts'

export function replyOf(hit: Hit, page: StoredPage, status: string | undefined): Reply {
  const lines = hit.lines.slice()
  lines.push('age', String(hit.age))
  if (status !== undefined) lines.push('cache-status', status)
  if (hit.contentRange !== undefined) lines.push('content-range', hit.contentRange)
  if (hit.range === undefined) {
    if (hit.status === 416) lines.push('content-length', '0')
    return { status: hit.status, lines, body: hit.body ? page.body : undefined }
  }
  const body = page.body.subarray(hit.range.first, hit.range.last + 1)
  lines.push('content-length', String(body.length))
  return { status: hit.status, lines, body }
}

/** A status of our own making, without a body. */
export function bareReply(code: number, status: string | undefined): Reply {
  const lines = ['content-length', '0']
  if (status !== undefined) lines.push('cache-status', status)
  return { status: code, lines, body: undefined }
}
