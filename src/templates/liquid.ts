/**
 * `{% cache 500 sidebar request.user.username using="localcache" %} … {% endcache %}` for LiquidJS.
 *
 * The body runs in a copy of the scopes as they were at the tag, because a stale fragment is renewed after its page went on: in the
 * live ones a loop would have come to its end.
 */
import type { Registry } from '../core/caches.ts'
import { argumentError } from '../core/errors.ts'
import { FragmentError } from './fragment.ts'
import { type TagCall, type TagOptions, Tags, TOO_FEW, USING_LAST } from './tag.ts'
import { watchedVariables } from './watch.ts'

/**
 * The tag, as a plugin: `engine.plugin(cacheTag(caches))`.
 *
 * The ttl (seconds, `15m`, a variable, `nil` for ever) and what follows the name are values with their filters
 * (`user.name | downcase`), parted by spaces; the name is literal. Rendered synchronously, it needs a cache in memory.
 *
 * @param options `using`, `staleFor` and other options of `getOrSet` for all tags.
 */
export function cacheTag(caches: Registry, options: TagOptions = {}): (this: object) => void {
  const tags = new Tags(caches, options)
  return function (this: object) {
    if (!isLiquid(this)) {
      throw argumentError(TypeError, 'INVALID_ENGINE', 'cacheTag() of liquid: give it to engine.plugin()')
    }
    this.registerTag(
      'cache',
      class extends CacheTag {
        readonly tags = tags
      },
    )
  }
}

function isLiquid(engine: object | undefined): engine is Liquid {
  return engine !== undefined && 'registerTag' in engine && 'renderer' in engine
}

abstract class CacheTag {
  abstract readonly tags: Tags
  readonly name = 'cache'
  readonly token: TagToken
  readonly #liquid: Liquid
  readonly #arguments: Arguments
  readonly #body: Template[] = []

  constructor(token: TagToken, rest: TopLevelToken[], liquid: Liquid, parser: Parser) {
    this.token = token
    this.#liquid = liquid
    this.#arguments = readArguments(token.args, liquid)
    for (let next = rest.shift(); next; next = rest.shift()) {
      if (next.name === 'endcache') return
      this.#body.push(parser.parseToken(next, rest))
    }
    throw new FragmentError('FRAGMENT_SYNTAX', '"cache" tag without its {% endcache %}')
  }

  /** A generator, as LiquidJS wants it: it waits for what is yielded. */
  *render(context: Context, emitter: Emitter): Generator<unknown, void, unknown> {
    // A page that has a layout only hands it its blocks: there is nothing to show here, and nothing to keep.
    if (context.getRegister('blockMode') === STORE) {
      yield this.#liquid.renderer.renderTemplates(this.#body, context, emitter)
      return
    }
    const { name, ttl, varyOn, using } = this.#arguments
    const call: TagCall = { name, ttl: yield* evaluate(ttl, context), varyOn: [] }
    const list: unknown[] = []
    for (const one of varyOn) list.push(yield* evaluate(one, context))
    Object.assign(call, { varyOn: list }, using && { using: yield* evaluate(using, context) })
    const scopes = context.scopes.map(copyScope)
    const registers = { ...context.registers }
    const render = () => {
      const own = contextOf(context, scopes, registers)
      return this.#liquid[context.sync ? 'renderSync' : 'render'](this.#body, own)
    }
    emitter.write(
      context.sync
        ? this.tags.renderSync(call, () => String(render()))
        : yield this.tags.render(call, async () => String(await render())),
    )
  }
}

/** While a page with a layout collects its blocks. */
const STORE = 1

interface Arguments {
  ttl: Expression
  name: string
  varyOn: Expression[]
  using: Expression | undefined
}

/** A quoted text, brackets, a filter's punctuation with the spaces around it, or anything else that is no space. */
const PIECE = /(?:"[^"]*"|'[^']*'|\([^)]*\)|\[[^\]]*\]|\s*\|\s*|:\s*|\s*,\s*|[^\s"'([|:,])+/g

function readArguments(text: string, liquid: Liquid): Arguments {
  const pieces = text.match(PIECE) ?? []
  const [ttl, name, ...rest] = pieces
  if (ttl === undefined || name === undefined || name.startsWith('using=')) {
    throw new FragmentError('FRAGMENT_SYNTAX', TOO_FEW)
  }
  const last = rest.at(-1)?.startsWith('using=') ? rest.pop() : undefined
  if (rest.some((one) => one.startsWith('using='))) throw new FragmentError('FRAGMENT_SYNTAX', USING_LAST)
  return {
    ttl: /^\d+(ms|s|m|h|d)$/.test(ttl) ? ttl : expression(ttl, liquid),
    name: /^(["']).*\1$/.test(name) ? name.slice(1, -1) : name,
    varyOn: rest.map((one) => expression(one, liquid)),
    using: last === undefined ? undefined : expression(last.slice('using='.length), liquid),
  }
}

/** A text as it is, or the value of an output, which LiquidJS parses with its filters. */
type Expression = string | Value

function expression(text: string, liquid: Liquid): Expression {
  const { outputDelimiterLeft: left, outputDelimiterRight: right } = liquid.options
  const [output] = liquid.parse(`${left} ${text} ${right}`)
  if (output !== undefined && isOutput(output)) return output.value
  throw new FragmentError('FRAGMENT_SYNTAX', '"cache" tag: an argument is no expression')
}

function* evaluate(what: Expression, context: Context): Generator<unknown, unknown, unknown> {
  if (typeof what === 'string') return what
  const value = yield what.value(context)
  // `nil` itself comes as an object whose value is null; a variable that is not there as undefined.
  return typeof value === 'object' && value !== null && value.valueOf?.() === null ? null : value
}

function isOutput(template: object): template is { value: Value } {
  return 'value' in template
}

/** Of a loop its count is copied too, which moves on with each turn. */
function copyScope(scope: Scope): Scope {
  const copy: Scope = Object.assign(Object.create(null), scope)
  for (const name of ['forloop', 'tablerowloop']) {
    const loop = copy[name]
    if (typeof loop === 'object' && loop !== null) {
      copy[name] = Object.assign(Object.create(Object.getPrototypeOf(loop)), loop)
    }
  }
  return copy
}

/** The context as it was at the tag. */
function contextOf(context: Context, scopes: Scope[], registers: Record<string, unknown>): Context {
  return Object.assign(Object.create(context), {
    scopes: scopes.map(watchedVariables),
    registers,
    environments: watchedVariables(context.environments),
  })
}

// What is used of LiquidJS, so that nothing of it need be imported.

interface Liquid {
  options: { outputDelimiterLeft: string; outputDelimiterRight: string }
  renderer: { renderTemplates(templates: Template[], context: Context, emitter: Emitter): unknown }
  parse(text: string): Template[]
  render(templates: Template[], context: Context): Promise<unknown>
  renderSync(templates: Template[], context: Context): unknown
  registerTag(
    name: string,
    tag: new (token: TagToken, rest: TopLevelToken[], liquid: Liquid, parser: Parser) => CacheTag,
  ): void
}

interface Parser {
  parseToken(token: TopLevelToken, rest: TopLevelToken[]): Template
}

interface TopLevelToken {
  name?: string
}

interface TagToken extends TopLevelToken {
  args: string
}

type Template = object

interface Value {
  value(context: Context): unknown
}

type Scope = Record<string, unknown>

interface Context {
  sync: boolean
  scopes: Scope[]
  registers: Record<string, unknown>
  environments: Scope
  getRegister(name: string): unknown
}

interface Emitter {
  write(html: unknown): void
}
