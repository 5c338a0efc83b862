/**
 * Where commands read and write: answers to stdout, all else to stderr. Everything passes through here, and nothing passes that a
 * terminal would obey, whoever wrote it.
 */
import { createInterface } from 'node:readline/promises'
import { styleText } from 'node:util'
import { jsonText, visible } from './visible.ts'

export type Style = 'red' | 'yellow' | 'green' | 'dim'

export interface Terminal {
  /** Is there somebody to ask? */
  readonly interactive: boolean
  /** A line or more of the answer. */
  out(text: string, style?: Style): void
  /** The whole answer, as JSON. */
  json(value: unknown): void
  /** A line about the answer. */
  note(text: string, style?: Style): void
  /** `true` for yes. */
  ask(question: string): Promise<boolean>
  /** All of stdin. */
  input(): Promise<Buffer>
}

/** The streams of a process, or those of a test. */
export interface Streams {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: NodeJS.ProcessEnv
}

export function terminalOf({ stdin, stdout, stderr, env }: Streams): Terminal {
  const write = (stream: NodeJS.WriteStream, text: string, style: Style | undefined) => {
    const safe = visible(text)
    stream.write(
      `${style && hasColour(stream, env) ? styleText(style, safe, { validateStream: false }) : safe}\n`,
    )
  }
  return {
    interactive: Boolean(stdin.isTTY && stderr.isTTY),
    out: (text, style) => write(stdout, text, style),
    json: (value) => void stdout.write(`${jsonText(value)}\n`),
    note: (text, style) => write(stderr, text, style),
    async ask(question) {
      const lines = createInterface({ input: stdin, output: stderr })
      const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
      const answer = await Promise.race([lines.question(visible(`${question} [y/N] `)), ended])
      lines.close()
      return /^y(es)?$/i.test(answer.trim())
    },
    async input() {
      const chunks: Buffer[] = []
      for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
      return Buffer.concat(chunks)
    },
  }
}

/** https://no-color.org: set to anything but the empty string. */
export function hasColour(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
}
