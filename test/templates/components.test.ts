/** `cacheFragment` around the string renders of React and Preact, which have no place for a tag of ours: by real renders. */
import { createElement } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it, vi } from 'vitest'
import { cacheFragment, fragmentKey } from '../../src/templates/index.ts'
import { stage } from './kit.ts'

// By names that the compiler does not follow: Preact's types bring the browser's, which are other than Node's.
const { h } = await import(['preact'].join())
const { renderToString, renderToStringAsync } = await import(['preact-render-to-string'].join())

describe('react-dom/server and preact-render-to-string', () => {
  it('a React component as a fragment, set into a page that is rendered each time', async () => {
    const { caches } = stage()
    const Sidebar = vi.fn(({ name }: { name: string }) => createElement('b', null, name))
    const show = async (name: string) => {
      const render = () => renderToStaticMarkup(createElement(Sidebar, { name }))
      const __html = await cacheFragment(caches, 'react', render, { ttl: 500, varyOn: [name] })
      // What a fragment holds is HTML that this server rendered.
      const finished = { dangerouslySetInnerHTML: { __html } }
      return renderToStaticMarkup(createElement('aside', finished))
    }
    for (let i = 0; i < 2; i++) expect(await show('a&b')).toBe('<aside><b>a&amp;b</b></aside>')
    expect(Sidebar).toHaveBeenCalledTimes(1)
    expect(await caches.default.get(fragmentKey('react', ['a&b']))).toBe('<b>a&amp;b</b>')
  })

  it('a Preact component as a fragment, rendered at once or asynchronously', async () => {
    const { caches } = stage()
    const Sidebar = vi.fn(({ name }: { name: string }) => h('b', null, name))
    for (const render of [renderToString, renderToStringAsync]) {
      const name = `preact-${render.name}`
      const show = async () => {
        const __html = await cacheFragment(caches, name, () => render(h(Sidebar, { name: 'a&b' })), 500)
        return renderToString(h('aside', { dangerouslySetInnerHTML: { __html } }))
      }
      for (let i = 0; i < 2; i++) expect(await show()).toBe('<aside><b>a&amp;b</b></aside>')
    }
    expect(Sidebar).toHaveBeenCalledTimes(2)
  })
})
