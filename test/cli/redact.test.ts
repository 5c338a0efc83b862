import { describe, expect, it } from 'vitest'
import { redact } from '../../src/cli/redact.ts'

const canary = 'canary-7f3a'

describe('A98 a message holds no secret', () => {
  const messages = [
    `connect to redis://user:${canary}@host:6379/0 failed`,
    `Invalid URL: postgres://user:p@ss/${canary}@host/shop?x=1`,
    `DSN is mysql://host/shop?password=${canary}&ssl=1`,
    `Expected property name, ..."password": "${canary}"... is not valid JSON`,
    `Unexpected token 'h', "${canary}" is not valid JSON`,
  ]
  for (const message of messages) {
    it(message.replace(canary, '…'), () => expect(redact(message, {})).not.toContain(canary))
  }

  it('secrets of the environment go, whatever the message', () => {
    const env = {
      DB_PASSWORD: canary,
      DATABASE_URL: 'postgres://shop:can%20ary%2F9@host/shop',
      SHORT_TOKEN: 'a',
    }
    expect(redact(`a driver said ${canary}`, env)).toBe('a driver said ***')
    expect(redact('it was can ary/9, or can%20ary%2F9', env)).toBe('it was ***, or ***')
  })

  it('and the rest stays', () => {
    const message = 'default (redis) is unreachable: connect ECONNREFUSED redis://127.0.0.1:6379'
    expect(redact(message, { HOME: '/root', PATH: 'redis' })).toBe(message)
  })
})
