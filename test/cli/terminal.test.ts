import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { hasColour, type Streams, terminalOf } from '../../src/cli/terminal.ts'

function streams(isTTY: boolean, env: NodeJS.ProcessEnv = {}) {
  const [stdin, stdout, stderr] = [0, 1, 2].map(() => Object.assign(new PassThrough(), { isTTY }))
  const read = (stream: PassThrough = new PassThrough()) => {
    let text = ''
    // Newer Nodes give one piece at a time.
    for (let piece = stream.read(); piece !== null; piece = stream.read()) text += piece
    return text
  }
  const terminal = terminalOf({ stdin, stdout, stderr, env } as unknown as Streams)
  return { terminal, stdin, stderr, out: () => read(stdout), err: () => read(stderr) }
}

describe('the terminal', () => {
  it('A99 nothing passes that it would obey, coloured or not', () => {
    const { terminal, out, err } = streams(true)
    terminal.out('\x1b[2Jkey', 'red')
    terminal.note('\x1b[2Jkey')
    terminal.json({ key: '\x1b[2J\x9b' })
    expect(out()).toBe('\x1b[31m\\x1b[2Jkey\x1b[39m\n{"key":"\\u001b[2J\\u009b"}\n')
    expect(err()).toBe('\\x1b[2Jkey\n')
  })

  it('has colours only where somebody looks and wants them', () => {
    expect(hasColour({ isTTY: true }, {})).toBe(true)
    expect(hasColour({ isTTY: true }, { NO_COLOR: '' })).toBe(true)
    expect(hasColour({ isTTY: true }, { NO_COLOR: '1' })).toBe(false)
    expect(hasColour({ isTTY: true }, { TERM: 'dumb' })).toBe(false)
    expect(hasColour({}, {})).toBe(false)
    const { terminal, out } = streams(false)
    terminal.out('plain', 'red')
    expect(out()).toBe('plain\n')
  })

  it('asks on stderr, and takes only yes for yes', async () => {
    for (const [answer, taken] of [
      ['y\n', true],
      ['YES\n', true],
      ['\n', false],
      ['yes please\n', false],
    ] as const) {
      const { terminal, stdin, out } = streams(true)
      const asked = terminal.ask('Remove it?')
      stdin?.write(answer)
      expect(await asked).toBe(taken)
      expect(out()).toBe('')
    }
  })

  it('an end of input is a no', async () => {
    const { terminal, stdin } = streams(true)
    const asked = terminal.ask('Remove it?')
    stdin?.end()
    expect(await asked).toBe(false)
  })

  it('reads all of stdin', async () => {
    const { terminal, stdin } = streams(false)
    stdin?.write('two ')
    stdin?.end('parts')
    expect(String(await terminal.input())).toBe('two parts')
  })
})
