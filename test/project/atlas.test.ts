/** The demo site as a visitor meets it: a process of its own, from its first line to its end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/report.mjs'

const directory = mkdtempSync(join(tmpdir(), 'stillwarm-atlas-'))
let site: Site

interface Site {
  process: ChildProcess
  output: string
  url: string
}

/** Starts the site on a free port and waits until it says where it is. */
async function start(): Promise<Site> {
  const args = ['examples/atlas/main.mjs', '--port', '0', '--directory', directory]
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`the atlas ended:\n${output}`)))
  const listening = new Promise<string>((done) => {
    child.stdout.on('data', () => {
      const url = /Open (http:\S+\/)/.exec(output)?.[1]
      if (url) done(url)
    })
  })
  const url = await Promise.race([listening, ended])
  ended.catch(() => {})
  return { process: child, output, url }
}

async function stop({ process: child }: Site): Promise<number | null> {
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  return code
}

async function page(path: string): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(new URL(path, site.url))
  return { status: response.status, text: await response.text(), headers: response.headers }
}

describe('the atlas', () => {
  beforeAll(async () => {
    site = await start()
  }, 60_000)

  afterAll(() => {
    site.process.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })

  it('shows by its tour that 200 visitors of a cold key make one load, and that a value outlives its process', () => {
    expect(site.output).toMatch(/cold .* ms\n.*warm .* times as fast/)
    expect(site.output).toMatch(/1 load, 200 answers/)
    expect(site.output).toMatch(/500 visitors at once on one counter +500/)
    expect(site.output).toMatch(/after a purge +fwd=uri-miss, hit, fwd=uri-miss/)
    expect(site.output).toMatch(/process \d+ has ended; what it kept is here +written at \d{4}-/)
  })

  it('shows the world, a country, a city and what begins so', async () => {
    expect((await page('/')).text).toMatch(/135,233 cities in 246 countries/)
    expect((await page('/country/FR')).text).toMatch(/<h1>France<\/h1>/)
    expect((await page('/city/2988507')).text).toMatch(/<h1>Paris<\/h1>.*Gentilly/s)
    expect((await page('/search?q=sao%20p')).text).toMatch(/São Paulo/)
  })

  it('serves a page it has made from memory, and says so', async () => {
    await page('/country/DE')
    expect((await page('/country/DE')).text).toMatch(/fresh, made \d+ s ago/)
  })

  it('knows no other place, and no other method than reading', async () => {
    for (const path of [
      '/nowhere',
      '/country/XX',
      '/country/FR/x',
      '/city/1',
      '/city/x',
      '/search',
      '/..%2f',
    ]) {
      expect((await page(path)).status, path).toBe(404)
    }
    const response = await fetch(site.url, { method: 'POST' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  it('A93 escapes what visitors say, and allows no script', async () => {
    const { text, headers } = await page(`/search?q=${encodeURIComponent('<script>"\'&')}`)
    expect(text).not.toContain('<script')
    expect(text).toContain('&#60;script&#62;&#34;&#39;&#38;')
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
  })

  it('ends when told to, and counts on after a restart', async () => {
    const served = async () => Number(/(\d+) pages served/.exec((await page('/country/IS')).text)?.[1])
    const before = await served()
    expect(await stop(site)).toBe(0)
    site = await start()
    expect(await served()).toBe(before + 1)
  }, 60_000)
})
