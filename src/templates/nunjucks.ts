/**
 * `{% cache 500 sidebar request.user.username using="localcache" %} … {% endcache %}` for Nunjucks.
 *
 * A body must be able to run after its template went on: when a stale fragment is renewed behind a render. Inline it would then see
 * the last item of a loop and the last value of a `set`. So it is compiled as a function of its own (that is what Nunjucks makes of
 * a block), which is handed a copy of the variables as they were at the tag.
 */
import { createHash } from 'node:crypto'
import type { Registry } from '../core/caches.ts'
import { FragmentError } from './fragment.ts'
import { type TagCall, type TagOptions, Tags, TOO_FEW, USING_LAST } from './tag.ts'
import { watchedVariables } from './watch.ts'

/**
 * The tag, as an extension: `env.addExtension('cache', cacheTag(caches))`.
 *
 * The ttl (seconds, `15m`, a variable, `none` for ever) and what follows the name are expressions with their filters; the name is
 * literal. Render asynchronously, with a callback. Not in a macro, `call`, `filter` or `set` block: Nunjucks cannot wait there, and
 * the template is refused.
 *
 * @param options `using`, `staleFor` and other options of `getOrSet` for all tags.
 */
export function cacheTag(caches: Registry, options: TagOptions = {}): CacheExtension {
  return new CacheExtension(new Tags(caches, options))
}

class CacheExtension {
  readonly tags = ['cache']
  readonly #tags: Tags

  constructor(tags: Tags) {
    this.#tags = tags
  }

  /** Called by Nunjucks with each tag of a template. */
  parse(parser: Parser, nodes: Nodes, lexer: Lexer): Node {
    const tag = parser.nextToken()
    const { lineno, colno } = tag
    const place = placeWhereNothingWaits(parser, lexer, tag)
    if (place) {
      parser.fail(
        `"cache" tag inside {% ${place} %}: Nunjucks cannot wait there and would print nothing: put the tag around it, or into the template that uses it`,
        lineno,
        colno,
      )
    }
    const { ttl, name, varyOn, using } = readArguments(parser, nodes, lexer, tag)
    const body = parser.parseUntilBlocks('endcache')
    if (!parser.peekToken()) parser.fail('"cache" tag without its {% endcache %}', lineno, colno)
    parser.advanceAfterBlockEnd()

    const literal = (value: unknown) => new nodes.Literal(lineno, colno, value)
    const code = (text: string) => literal({ toString: () => text })
    const list = (children: Node[]) => new nodes.Array(lineno, colno, children)
    const parent = liftSuper(nodes, body)
    const block = `cache_${digest(parser.tokens.str)}_${lineno}_${colno}`
    const args = new nodes.NodeList(lineno, colno, [
      literal(block),
      literal(name),
      literal(lineno + 1),
      ttl,
      list(varyOn),
      list(using ? [using] : []),
      list(parent ? [parent] : []),
      code('frame'),
      code('runtime'),
    ])
    // The block is looked for by the compiler and called by nobody but us.
    const definition = new nodes.Block(lineno, colno, literal(block), body)
    const never = new nodes.If(lineno, colno, literal(false), new nodes.NodeList(lineno, colno, [definition]))
    return new nodes.NodeList(lineno, colno, [new nodes.CallExtensionAsync(this, 'run', args, []), never])
  }

  /** Called by a compiled template, with what its arguments came to. */
  run(
    context: Context,
    block: string,
    name: string,
    line: number,
    ttl: unknown,
    varyOn: unknown[],
    using: unknown[],
    parent: unknown[],
    frame: Frame,
    runtime: Runtime,
    callback: Callback<unknown>,
  ): void {
    const call: TagCall = {
      ttl,
      name,
      varyOn,
      where: `line ${line}`,
      ...(using.length > 0 && { using: using[0] }),
    }
    const body = bodyOf(context, block, line, parent, frame, runtime)
    const html = body instanceof Error ? Promise.reject(body) : this.#tags.render(call, body)
    html.then(
      (text) => {
        // What the rest of the template throws would otherwise be lost, and the render never end.
        try {
          callback(null, runtime.markSafe(text))
        } catch (error) {
          callback(error)
        }
      },
      (error: unknown) => callback(error),
    )
  }
}

export type { CacheExtension }

interface Arguments {
  ttl: Node
  name: string
  varyOn: Node[]
  using: Node | undefined
}

function readArguments(parser: Parser, nodes: Nodes, lexer: Lexer, tag: Token): Arguments {
  const isEnd = (token: Token | undefined) => token === undefined || token.type === lexer.TOKEN_BLOCK_END
  if (isEnd(parser.peekToken())) parser.fail(TOO_FEW, tag.lineno, tag.colno)
  const ttl = readTtl(parser, nodes)
  if (isEnd(parser.peekToken())) parser.fail(TOO_FEW, tag.lineno, tag.colno)
  const name = readName(parser, lexer)
  if (name.startsWith('using=')) parser.fail(TOO_FEW, tag.lineno, tag.colno)
  const varyOn: Node[] = []
  for (let next = parser.peekToken(); next && !isEnd(next); next = parser.peekToken()) {
    if (next.type === lexer.TOKEN_COMMA) {
      parser.nextToken()
    } else if (next.value === 'using' && next.type === lexer.TOKEN_SYMBOL) {
      parser.nextToken()
      if (!parser.skipValue(lexer.TOKEN_OPERATOR, '=')) {
        varyOn.push(new nodes.Symbol(next.lineno, next.colno, 'using'))
        continue
      }
      const using = parser.parseExpression()
      if (!isEnd(parser.peekToken())) parser.fail(USING_LAST, next.lineno, next.colno)
      parser.nextToken()
      return { ttl, name, varyOn, using }
    } else {
      varyOn.push(parser.parseExpression())
    }
  }
  parser.nextToken()
  return { ttl, name, varyOn, using: undefined }
}

/** `15m` without quotes is a duration, and not a variable of that name. */
function readTtl(parser: Parser, nodes: Nodes): Node {
  const next = parser.peekToken()
  if (!next || !/^\d+(ms|s|m|h|d)$/.test(next.value)) return parser.parseExpression()
  parser.nextToken()
  return new nodes.Literal(next.lineno, next.colno, next.value)
}

/** Literal text up to the next space, whatever Nunjucks takes it for: `side-bar`, `blog.latest`, `"two words"`. */
function readName(parser: Parser, lexer: Lexer): string {
  let name = ''
  for (let token = parser.nextToken(true); token; token = parser.nextToken(true)) {
    if (token.type === lexer.TOKEN_WHITESPACE || token.type === lexer.TOKEN_COMMA) {
      if (name !== '') break
    } else if (token.type === lexer.TOKEN_BLOCK_END) {
      parser.pushToken(token)
      break
    } else {
      name += token.value
    }
  }
  return name
}

/**
 * `super()` is known where it stands, and in no function of its own: there it is a variable, and its value an argument of the
 * tag.
 */
function liftSuper(nodes: Nodes, body: Node): Node | undefined {
  const calls = body.findAll(nodes.FunCall).filter(({ name }) => name?.value === 'super')
  const [first] = calls
  if (!first) return undefined
  for (const call of calls) call.name = new nodes.Symbol(call.lineno, call.colno, PARENT)
  return new nodes.FunCall(
    first.lineno,
    first.colno,
    new nodes.Symbol(first.lineno, first.colno, 'super'),
    new nodes.NodeList(first.lineno, first.colno, []),
  )
}

const PARENT = 'stillwarm_super'

/** Names a template's blocks apart from another's, the same in each process: it may be compiled ahead. */
function digest(source: string): string {
  return createHash('sha256').update(source).digest('hex').slice(0, 12)
}

/**
 * The block that collects its output in this turn and is open at this token: there, what comes later is lost. Everything before the
 * token has been parsed, so that its tags are known to be in order.
 */
function placeWhereNothingWaits(parser: Parser, lexer: Lexer, tag: Token): string | undefined {
  const { str, tags } = parser.tokens
  const tokens = lexer.lex(str, {
    tags: {
      blockStart: tags.BLOCK_START,
      blockEnd: tags.BLOCK_END,
      variableStart: tags.VARIABLE_START,
      variableEnd: tags.VARIABLE_END,
      commentStart: tags.COMMENT_START,
      commentEnd: tags.COMMENT_END,
    },
  })
  const open: string[] = []
  let raw: string | undefined
  for (let token = tokens.nextToken(); token; token = tokens.nextToken()) {
    if (token.type !== lexer.TOKEN_BLOCK_START) continue
    do token = tokens.nextToken()
    while (token?.type === lexer.TOKEN_WHITESPACE)
    if (!token || (token.lineno === tag.lineno && token.colno === tag.colno)) break
    const word = token.value
    if (raw !== undefined) {
      if (word === `end${raw}`) raw = undefined
    } else if (word === 'raw' || word === 'verbatim') {
      raw = word
    } else if (word === 'macro' || word === 'call' || word === 'filter') {
      open.push(word)
    } else if (word === 'set') {
      let inline = false
      for (
        let next = tokens.nextToken();
        next && next.type !== lexer.TOKEN_BLOCK_END;
        next = tokens.nextToken()
      ) {
        inline ||= next.type === lexer.TOKEN_OPERATOR && next.value === '='
      }
      if (!inline) open.push(word)
    } else if (open.length > 0 && word === `end${open.at(-1)}`) {
      open.pop()
    }
  }
  return open.at(-1)
}

/** What is innermost wins, so it comes last. */
function copyVariables({ parent, variables }: Frame, to: Frame): void {
  if (parent) copyVariables(parent, to)
  Object.assign(to.variables, variables)
}

/** The body as a function that may be called now or later. */
function bodyOf(
  context: Context,
  block: string,
  line: number,
  parent: unknown[],
  frame: Frame,
  runtime: Runtime,
): FragmentError | (() => Promise<string>) {
  const scope = new frame.constructor()
  copyVariables(frame, scope)
  const { loop } = scope.variables
  if (typeof loop === 'object') scope.variables.loop = { ...loop }
  if (parent.length > 0) scope.variables[PARENT] = () => parent[0]
  const variables = { ...context.getVariables() }

  const render = context.blocks[block]?.[0]
  if (render === undefined) {
    return new FragmentError(
      'FRAGMENT_PLACE',
      `line ${line}: "cache" tag inside the tag of another extension: put it around that, or into a template that is included there`,
    )
  }
  return () =>
    new Promise((done, fail) => {
      const own: Context = Object.assign(Object.create(context), { ctx: watchedVariables(variables) })
      render(context.env, own, scope, runtime, (error, html) => (error ? fail(error) : done(String(html))))
    })
}

// What is used of Nunjucks, so that nothing of it need be imported.

interface Token {
  type: string
  value: string
  lineno: number
  colno: number
}

interface Node {
  lineno: number
  colno: number
  name?: Node
  value?: unknown
  findAll(type: NodeType): Node[]
}

type NodeType = new (lineno: number, colno: number, ...fields: unknown[]) => Node

interface Nodes {
  Array: NodeType
  Block: NodeType
  CallExtensionAsync: new (extension: object, method: string, args: Node, bodies: Node[]) => Node
  FunCall: NodeType
  If: NodeType
  Literal: NodeType
  NodeList: NodeType
  Symbol: NodeType
}

interface Parser {
  tokens: { str: string; tags: Record<string, string> }
  nextToken(withWhitespace?: boolean): Token
  peekToken(): Token | undefined
  pushToken(token: Token): void
  skipValue(type: string, value: string): boolean
  parseExpression(): Node
  parseUntilBlocks(...names: string[]): Node
  advanceAfterBlockEnd(): void
  fail(message: string, lineno: number, colno: number): never
}

interface Lexer {
  lex(
    source: string,
    options: { tags: Record<string, string | undefined> },
  ): { nextToken(): Token | undefined }
  TOKEN_BLOCK_START: string
  TOKEN_BLOCK_END: string
  TOKEN_COMMA: string
  TOKEN_OPERATOR: string
  TOKEN_SYMBOL: string
  TOKEN_WHITESPACE: string
}

type Callback<T> = (error: unknown, value?: T) => void

interface Frame {
  constructor: new () => Frame
  variables: Record<string, unknown>
  parent?: Frame
}

interface Context {
  env: unknown
  blocks: Record<string, Block[]>
  getVariables(): Record<string, unknown>
}

type Block = (
  env: unknown,
  context: Context,
  frame: Frame,
  runtime: Runtime,
  callback: Callback<string>,
) => void

interface Runtime {
  markSafe(html: string): unknown
}
