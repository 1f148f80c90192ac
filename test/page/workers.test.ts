/** The screen of workers, in a browser: who is there, and what it says where none are used. */

import { describe, expect, test } from 'vitest'
import { redis, worker } from '../queue/workplace.ts'
import { serving } from '../serve/serving.ts'
import { hasBrowser } from '../support/browser.ts'
import { hasRedis } from '../support/redis.ts'
import { addressOf, browsing, overflow, violations } from './browsing.ts'

describe.runIf(hasBrowser() && hasRedis())('the workers on the page', () => {
  test('come and go without a reload', async () => {
    const [queue, all] = [await redis(), await serving()]
    const yaml = `${all.yaml()}workers: { queue: "${queue.url}" }\n`
    all.user.write('serve.yaml', yaml)
    const daemon = await all.start()
    const { open } = await browsing()
    const page = await open(addressOf(all, daemon, '/workers'))
    await page.getByText('no worker is there').waitFor()
    await worker(yaml, { name: 'one', concurrency: 3 })
    const row = page.getByRole('row', { name: /^one / })
    await row.waitFor()
    expect(await row.textContent()).toContain('0 of 3')
    await page.getByText(queue.url).waitFor()
    expect(await violations(page)).toEqual([])
    expect(await overflow(page)).toEqual([0, 0, 0])
    await queue.kill()
    await page.getByRole('alert').waitFor()
  })

  test('are explained where there is no queue', async () => {
    const all = await serving()
    all.user.write('serve.yaml', all.yaml())
    const daemon = await all.start()
    const { open } = await browsing()
    const page = await open(addressOf(all, daemon, '/workers'))
    await page.getByText('All tasks are done by this process').waitFor()
  })
})
