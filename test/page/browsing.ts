/** Debian's Chromium on the page of a real daemon: what it asks for, what it complains about, and what axe finds. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import type { Daemon, Serving } from '../serve/serving.ts'

export interface Browsing {
  /** A window of its own, signed out; `trouble` is checked when the test ends. */
  open(address: string, options?: BrowserContextOptions): Promise<Page>
  /** A window beside another one, with its session. */
  beside(page: Page, address: string): Promise<Page>
}

/** Milliseconds that a page may take on a busy machine. */
const PATIENCE = 60_000

export async function browsing(): Promise<Browsing> {
  const browser: Browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  })
  onTestFinished(() => browser.close())
  return {
    async open(address, options = {}) {
      const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options })
      return watched(await context.newPage(), address)
    },
    beside: async (page, address) => watched(await page.context().newPage(), address),
  }
}

async function watched(page: Page, address: string): Promise<Page> {
  page.setDefaultTimeout(PATIENCE)
  const { origin } = new URL(address)
  const trouble: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) {
      trouble.push(`asked for ${request.url()}`)
    }
  })
  page.on('pageerror', (error) => trouble.push(`failed: ${error.message}`))
  page.on('console', (message) => {
    if (!EXPECTED.test(message.text())) trouble.push(`said: ${message.text()}`)
  })
  onTestFinished(() => expect(trouble).toEqual([]))
  await page.goto(address)
  return page
}

/** The browser's own words for answers that the page shows to its user, and for a server that is away. */
const EXPECTED = /^Failed to load resource: (the server responded with a status of|net::ERR_)/

export function tokenOf({ user }: Pick<Serving, 'user'>): string {
  return readFileSync(join(user.home, 'api-token'), 'utf8').trim()
}

/** As the daemon prints it. */
export function addressOf(serving: Pick<Serving, 'user'>, { url }: Pick<Daemon, 'url'>, path = '/'): string {
  return `${url}${path}#token=${tokenOf(serving)}`
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds, in light and in dark, one line each. */
export async function violations(page: Page): Promise<readonly string[]> {
  const found: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    const lines = await page.evaluate(`${AXE};
      axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
        violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html + ' ' + failureSummary)))`)
    found.push(...(lines as string[]).map((line) => `${colorScheme}: ${line}`))
  }
  return found
}

/** Pixels by which the page is wider than its window, at each width. */
export async function overflow(page: Page, widths: readonly number[] = [360, 1100, 1920]): Promise<readonly number[]> {
  const found: number[] = []
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 })
    found.push(await page.evaluate('document.documentElement.scrollWidth - innerWidth'))
  }
  return found.map((pixels) => Math.max(0, pixels))
}
