import { type Fields, field, stripBlanks } from './fields.ts'

/**
 * Fields that belong to one connection, or to one answer, and are neither stored nor replayed:
 * those of RFC 9111 §3.1 and every field that Connection names. All others are kept, unknown ones too.
 */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'trailer',
  'upgrade',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
])

/** Fields that no stored page has: those of a connection, and those that are each answer's own. */
export function isNeverStored(name: string): boolean {
  return OF_THE_CONNECTION.has(name) || name === 'age' || name === 'set-cookie'
}

/** A test for the names (in lower case) that must not outlive the connection these fields came on. */
export function ofTheConnection(fields: Fields): (name: string) => boolean {
  const connection = field(fields, 'connection')
  if (connection === undefined) return (name) => OF_THE_CONNECTION.has(name)
  const named = new Set(connection.split(',').map((name) => stripBlanks(name).toLowerCase()))
  return (name) => OF_THE_CONNECTION.has(name) || named.has(name)
}
