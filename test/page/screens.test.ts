/** Every screen, in a browser: axe finds nothing in light and dark, no width scrolls sideways, and the keyboard reaches all that the mouse does. */

import { describe, expect, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { apiClient } from '../serve/api/client.ts'
import { serving } from '../serve/serving.ts'
import { hasBrowser } from '../support/browser.ts'
import { addressOf, browsing, overflow, tokenOf, violations } from './browsing.ts'

/** An address, and what is there once it is shown. */
const SCREENS = [
  ['/', 'Executions'],
  ['/executions/1', 'copy'],
  ['/policies', 'Policies'],
  ['/policies/copy', 'copy'],
  ['/policies/new', 'New policy'],
  ['/registries', 'Registries'],
  ['/registries/from', 'from'],
  ['/registries/new', 'Add a registry'],
  ['/schedule', 'Schedule'],
  ['/workers', 'Workers'],
  ['/audit', 'Audit'],
  ['/nothing', undefined],
] as const

describe.runIf(hasBrowser())('each screen', () => {
  test('can be read and reached by everybody', async () => {
    const all = await serving()
    const more = `    description: ${'a-long-word-without-a-space-'.repeat(8)}\n    triggers: [{ schedule: "0 2 * * *" }]\n`
    all.user.write('serve.yaml', all.yaml(more))
    const daemon = await all.start()
    const ask = apiClient(daemon.url, tokenOf(all))
    await ask('POST', '/replication/executions', { body: { policy_id: 'copy' } })
    await until('it ends', async () => (await ask('GET', '/replication/executions/1')).body.end_time !== null)
    const { open } = await browsing()
    const page = await open(addressOf(all, daemon))
    await page.getByRole('heading', { name: 'Executions' }).waitFor()
    for (const [path, title] of SCREENS) {
      const answer = await page.goto(daemon.url + path)
      if (title === undefined) {
        expect(answer?.status()).toBe(404)
        continue
      }
      await page.getByRole('heading', { level: 1, name: title }).waitFor()
      if (path === '/policies/new') await page.getByText(/tags? in/).waitFor()
      for (const fold of await page.locator('summary').all()) await fold.click()
      expect(await violations(page), path).toEqual([])
      expect(await overflow(page), path).toEqual([0, 0, 0])
      expect(await unreached(page), path).toEqual([])
    }
  })
})

/** What a mouse can use, and the tabulator does not come to. */
async function unreached(page: Awaited<ReturnType<Awaited<ReturnType<typeof browsing>>['open']>>): Promise<unknown> {
  const wanted =
    "[...document.querySelectorAll('a, button:not(:disabled), input:not(:disabled), select:not(:disabled), summary')]"
  const count = Number(await page.evaluate(`${wanted}.length`))
  await page.evaluate('window.reached = new Set(); document.activeElement?.blur?.()')
  for (let step = 0; step < count * 2 + 20; step += 1) {
    await page.keyboard.press('Tab')
    await page.evaluate('window.reached.add(document.activeElement)')
  }
  return page.evaluate(`${wanted}.filter((one) => !window.reached.has(one)).map((one) => one.outerHTML)`)
}
