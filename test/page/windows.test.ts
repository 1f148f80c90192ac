/** Many windows of one browser: it opens six connections to a host, and all of them are live. */

import type { Page } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { apiClient } from '../serve/api/client.ts'
import { serving } from '../serve/serving.ts'
import { hasBrowser } from '../support/browser.ts'
import { image } from '../support/images.ts'
import { addressOf, browsing, tokenOf } from './browsing.ts'

/** The names of policies, and of what each of them copies. */
const NAMES = ['copy', 'two', 'three', 'four', 'five'] as const

/** No blob comes before `open`. */
async function running() {
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const all = await serving({
    intercept: async ({ method, url }) => {
      if (method === 'GET' && url.pathname.includes('/blobs/')) await gate
      return undefined
    },
  })
  onTestFinished(open)
  for (const [seed, name] of NAMES.entries()) all.source.add(name, image({ seed, layers: 2 }), 'v1')
  const policies = NAMES.slice(1).map(
    (name) => `  ${name}: { source: from/${name}, destination: { registry: to, namespace: ${name} } }\n`,
  )
  // Runs that need the same blob read it once, and only one of them shows it.
  const own = all.yaml(policies.join(''), '  max_executions: 5\n').replace('{registry: from}', 'from/copy')
  all.user.write('serve.yaml', own)
  const daemon = await all.start()
  const ask = apiClient(daemon.url, tokenOf(all))
  const start = async (policy_id: string): Promise<number> =>
    (await ask('POST', '/replication/executions', { body: { policy_id } })).body.id
  return { ...all, daemon, ask, start, open }
}

/** Blobs are shown only where the progress is heard. */
const hears = (page: Page) => page.locator('.flight li').first().waitFor()

describe.runIf(hasBrowser())('windows of one browser', () => {
  test('are all live, seven of them, and sign out together', async () => {
    const { user, daemon, ask, start } = await running()
    const { open, beside } = await browsing()
    const first = await open(addressOf({ user }, daemon))
    await first.getByText('no executions').waitFor()
    const lists = [first]
    for (const path of ['/policies', '/']) lists.push(await beside(first, daemon.url + path))
    const id = await start('copy')
    const details: Page[] = []
    for (let at = 0; at < 4; at += 1) details.push(await beside(first, `${daemon.url}/executions/${id}`))
    for (const page of lists) await page.locator('.status.in_progress').waitFor()
    for (const page of details) {
      await hears(page)
      // Its log, also what was written before the window was there.
      await page.getByRole('log').getByText('started').first().waitFor()
    }
    const expected = await lineNumbers(details[0])
    expect(expected.length).toBeGreaterThan(0)
    await ask('PUT', `/replication/executions/${id}`, { body: { operation: 'pause' } })
    for (const page of lists) await page.locator('.status.paused').first().waitFor()
    for (const page of details) await page.locator('.head .status.paused').waitFor()

    await first.getByRole('button', { name: 'Sign out' }).click()
    for (const page of [...lists, ...details]) await page.getByRole('button', { name: 'Sign in' }).waitFor()
  })

  test('that look at more executions than there are connections: those that are used are live', async () => {
    const { user, daemon, start, open: release } = await running()
    const { open, beside } = await browsing()
    const first = await open(addressOf({ user }, daemon))
    await first.getByText('no executions').waitFor()
    const pages: Page[] = []
    for (const name of NAMES) {
      const page = await beside(first, `${daemon.url}/executions/${await start(name)}`)
      await hears(page)
      pages.push(page)
    }
    const [oldest] = pages
    if (!oldest) throw new Error('there is no window')
    await oldest.getByText('progress in other windows').waitFor()
    await oldest.evaluate('window.dispatchEvent(new Event("focus"))')
    await oldest.getByText('live', { exact: true }).waitFor()
    await hears(oldest)
    release()
    // The others know at least how theirs end.
    for (const page of pages) await page.locator('.head .status.succeeded').waitFor()
  })

  test('are live also where a browser lets windows share nothing, as on phones', async () => {
    const { user, daemon, start, open: release } = await running()
    const { open, beside } = await browsing()
    const first = await open(addressOf({ user }, daemon))
    // Before it is signed in it must not go elsewhere.
    await first.getByText('no executions').waitFor()
    await first.context().addInitScript('delete window.SharedWorker')
    await first.goto(daemon.url)
    expect(await first.evaluate('typeof SharedWorker')).toBe('undefined')
    await first.getByText('no executions').waitFor()
    const second = await beside(first, `${daemon.url}/executions/${await start('copy')}`)
    await hears(second)
    await second.getByRole('log').getByText('transfer started').waitFor()
    await first.locator('.status.in_progress').waitFor()
    release()
    await first.locator('.status.succeeded').waitFor()
    await second.locator('.head .status.succeeded').waitFor()
    // The other window learns of it from the daemon.
    await first.getByRole('button', { name: 'Sign out' }).click()
    await first.getByRole('button', { name: 'Sign in' }).waitFor()
    // It may have learnt it already: then a dialog lies over the link.
    await second.getByRole('link', { name: 'Policies' }).dispatchEvent('click')
    await second.getByRole('button', { name: 'Sign in' }).waitFor()
  })
})

async function lineNumbers(page: Page | undefined): Promise<readonly (string | null)[]> {
  return (await page?.getByRole('log').locator('p').allTextContents()) ?? []
}
