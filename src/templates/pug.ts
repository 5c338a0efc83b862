/**
 * `+cache(500, 'sidebar', user.name)(using='localcache')` for Pug, which cannot wait: fragments are placeholders that a second
 * pass fills. The mixin is put into a template as it is compiled; its block collects into a buffer of its own.
 */
import type { Registry } from '../core/caches.ts'
import { checkOptions } from '../core/options.ts'
import { FragmentError } from './fragment.ts'
import { Placeholders } from './placeholders.ts'
import { type TagOptions, TOO_FEW } from './tag.ts'
import { watchVariables } from './watch.ts'

/** The plugin, and the render that goes with it. */
export interface PugCache {
  /** Gives templates the mixin: `pug.compile(source, { plugins: [plugin] })`. */
  plugin: { preCodeGen(tree: Tree, options: { self?: boolean }): Tree }
  /** What a plain `template({ ...locals, user })` needs; over a cache in memory. */
  locals: Readonly<Record<string, unknown>>
  /** Renders a compiled template and fills its fragments, over any cache. */
  render(
    template: (locals?: Record<string, unknown>) => string,
    locals?: Record<string, unknown>,
  ): Promise<string>
}

/**
 * The mixin: `+cache(ttl, name, …varyOn)`, with `(using='alias')` after it. The ttl is seconds, a duration (`'15m'`), an expression,
 * or `null` for ever.
 *
 * A body is rendered after the rest of the page. It sees the items of `each` as they were at its place; any other variable that the
 * template itself reassigns it sees as that was left.
 *
 * @example
 * const { plugin, render } = cacheTag(caches)
 * const html = await render(pug.compileFile('page.pug', { plugins: [plugin] }), { user })
 *
 * @param options `using`, `staleFor` and other options of `getOrSet` for all fragments.
 */
export function cacheTag(caches: Registry, options: TagOptions = {}): PugCache {
  const placeholders = new Placeholders(
    caches,
    options,
    'render with the render() that cacheTag() gives beside the plugin',
  )
  const print = (args: unknown[], attributes: object, body?: () => string) => {
    const [ttl, name, ...varyOn] = args
    if (args.length < 2 || typeof name !== 'string') throw new FragmentError('FRAGMENT_SYNTAX', TOO_FEW)
    if (body === undefined) {
      throw new FragmentError('FRAGMENT_SYNTAX', `cache ${JSON.stringify(name)}: "cache" tag without a block`)
    }
    checkOptions('+cache', attributes, ['using'])
    return placeholders.print({ ttl, name, varyOn, ...attributes }, body)
  }
  const locals = Object.freeze({ [PRINT]: print })
  return {
    plugin: {
      preCodeGen(tree, { self }) {
        return { ...tree, nodes: [mixin(self ? `self.${PRINT}` : PRINT), ...tree.nodes.map(eachWithItsOwn)] }
      },
    },
    locals,
    render: (template, given = {}) =>
      placeholders.render(() => template({ ...watchVariables(given), ...locals })),
  }
}

/** The name by which the mixin finds its function among the locals of a template. */
const PRINT = 'stillwarm_cache'

/** The definition of the mixin, as Pug parses one. */
function mixin(print: string): Node {
  // `pug_html` is what the template has written so far.
  const body = `block && (() => { const before = pug_html; pug_html = ""; try { block(); return pug_html } finally { pug_html = before } })`
  const found = `typeof ${print} === "function"`
  const missing = `(() => { throw new Error('"cache" tag: render with the render() of cacheTag(), or hand its locals to the template') })()`
  const code = {
    type: 'Code',
    val: `${found} ? ${print}(args, attributes, ${body} || undefined) : ${missing}`,
    buffer: true,
    mustEscape: false,
    isInline: false,
  }
  return {
    type: 'Mixin',
    name: 'cache',
    args: '...args',
    call: false,
    attrs: [],
    attributeBlocks: [],
    block: { type: 'Block', nodes: [code] },
  }
}

/**
 * Pug's loops have one variable for all turns. Where a fragment may stand in one, each turn gets a function and so variables of its
 * own.
 */
function eachWithItsOwn(node: Node): Node {
  const { block, alternate, consequent } = node
  const inner = {
    ...node,
    ...(block && { block: withNodes(block) }),
    ...(consequent && { consequent: withNodes(consequent) }),
    ...(alternate && { alternate: alternate.nodes ? withNodes(alternate) : eachWithItsOwn(alternate) }),
    ...(node.nodes && { nodes: node.nodes.map(eachWithItsOwn) }),
  }
  if ((node.type !== 'Each' && node.type !== 'EachOf') || !inner.block || !hasMixin(inner.block)) return inner
  const names = [node.val, node.key].filter((name) => name).join(', ')
  const turn: Node = { type: 'Code', val: `;((${names}) => `, buffer: false, block: inner.block }
  const call: Node = { type: 'Code', val: `)(${names});`, buffer: false }
  return { ...inner, block: { ...inner.block, nodes: [turn, call] } }
}

function withNodes(block: Node): Node {
  return { ...block, nodes: (block.nodes ?? []).map(eachWithItsOwn) }
}

/** Any mixin may have a fragment in it. */
function hasMixin(node: Node): boolean {
  if (node.type === 'Mixin' && node.call) return true
  const inside = [node.block, node.consequent, node.alternate, ...(node.nodes ?? [])]
  return inside.some((one) => one && hasMixin(one))
}

interface Node {
  type: string
  block?: Node | null
  consequent?: Node | null
  alternate?: Node | null
  nodes?: Node[]
  name?: string
  call?: boolean
  val?: string
  key?: string | null
  [more: string]: unknown
}

type Tree = Node & { nodes: Node[] }
