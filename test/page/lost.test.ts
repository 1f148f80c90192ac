/** The page after its daemon was killed, upgraded, or has another token: it is right again without a reload, and nothing that was typed is lost. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { type Daemon, type Serving, serving } from '../serve/serving.ts'
import { hasBrowser } from '../support/browser.ts'
import { image } from '../support/images.ts'
import { addressOf, browsing, overflow, tokenOf, violations } from './browsing.ts'

interface Killable extends Serving {
  readonly daemon: Daemon
  /** By SIGKILL. */
  kill(): Promise<void>
  /** At the same address. */
  again(): Promise<Daemon>
}

/** `slow`: the source sends slowly, until the daemon starts again. */
async function killable(slow = false): Promise<Killable> {
  const all = await serving()
  if (slow) all.source.add('big', image({ seed: 7, layers: 3, size: 600_000 }), 'v1')
  const yaml = all.yaml()
  all.user.write('serve.yaml', slow ? yaml.replace(/(from: \{.*)\}/, '$1, limits: {bandwidth: 20KiB/s}}') : yaml)
  const daemon = await all.start()
  return {
    ...all,
    daemon,
    async kill() {
      daemon.kill('SIGKILL')
      await daemon.ended
    },
    async again() {
      all.user.write('serve.yaml', yaml.replace('127.0.0.1:0', new URL(daemon.url).host))
      return all.start()
    },
  }
}

const isLost = (page: Page) => page.getByText('reconnecting…').waitFor()
const isLive = (page: Page) => page.getByText('live', { exact: true }).waitFor()

describe.runIf(hasBrowser())('the page', () => {
  test('is right again when the daemon was killed and is back, in two browsers, with a log that goes on', async () => {
    const all = await killable(true)
    const { open } = await browsing()
    const page = await open(addressOf(all, all.daemon))
    const other = await open(addressOf(all, all.daemon))
    await page.getByRole('button', { name: 'Start copy' }).click()
    await page.getByRole('progressbar').first().waitFor()
    const log = page.getByRole('log')
    await log.getByText('transfer started').waitFor()
    await all.kill()
    await isLost(page)
    await isLost(other)
    const before = await log.locator('p').allTextContents()
    await all.again()
    await isLive(page)
    await isLive(other)
    await page.locator('.head .status.succeeded').waitFor()
    await other.getByRole('cell', { name: 'succeeded' }).waitFor()
    await log.getByText('post ended').last().waitFor()
    const after = await log.locator('p').allTextContents()
    expect(after.slice(0, before.length)).toEqual(before)
    expect(after.length).toBeGreaterThan(before.length)
    // No line comes twice.
    await page.reload()
    await log.getByText('post ended').last().waitFor()
    expect((await log.locator('p').allTextContents()).slice(0, after.length)).toEqual(after)
  })

  test('keeps what was typed while the daemon is away, and saves it once it is back', async () => {
    const all = await killable()
    const page = await (await browsing()).open(addressOf(all, all.daemon, '/policies/copy'))
    await page.getByRole('button', { name: 'Change' }).click()
    const namespace = page.getByLabel('Destination namespace')
    await namespace.fill('typed')
    await all.kill()
    await isLost(page)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.locator('form').getByText('the daemon cannot be reached').waitFor()
    await all.again()
    await isLive(page)
    expect(await namespace.inputValue()).toBe('typed')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('to/typed').waitFor()
  })

  test('asks for the token again where the session is no longer known, and goes on where it was', async () => {
    const all = await killable()
    const { open } = await browsing()
    const page = await open(addressOf(all, all.daemon, '/policies/copy'))
    await page.getByRole('button', { name: 'Change' }).click()
    await page.getByLabel('Destination namespace').fill('typed')
    await all.kill()
    writeFileSync(join(all.user.home, 'api-token'), 'another-token-that-is-long-enough-0123456789')
    await all.again()
    const dialog = page.getByRole('dialog', { name: 'The session has expired' })
    await dialog.waitFor()
    expect(await violations(page)).toEqual([])
    expect(await overflow(page)).toEqual([0, 0, 0])
    await page.keyboard.press('Escape')
    await dialog.getByLabel('Token').fill(tokenOf(all))
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'detached' })
    await isLive(page)
    expect(await page.getByLabel('Destination namespace').inputValue()).toBe('typed')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('to/typed').waitFor()
  })

  test('signs in by the printed address in a window that shows the page already', async () => {
    const all = await killable()
    const page = await (await browsing()).open(`${all.daemon.url}/policies`)
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.goto(addressOf(all, all.daemon, '/policies'))
    await page.getByRole('heading', { name: 'Policies' }).waitFor()
    expect(page.url()).toBe(`${all.daemon.url}/policies`)
  })

  test('says that the daemon was upgraded, and is the new page by one click', async () => {
    const all = await killable()
    const page = await (await browsing()).open(addressOf(all, all.daemon, '/policies'))
    await isLive(page)
    await all.kill()
    await isLost(page)
    // A daemon with another build of the page.
    await page.route(`${all.daemon.url}/`, async (route) => {
      const answer = await route.fetch()
      await route.fulfill({
        response: answer,
        body: (await answer.text()).replace(/index-[\w-]+\.js/, 'index-other.js'),
      })
    })
    await all.again()
    await page.getByRole('alert').getByText('The daemon was upgraded').waitFor()
    expect(await violations(page)).toEqual([])
    await page.getByRole('button', { name: 'Reload' }).click()
    await page.getByText('The daemon was upgraded').waitFor({ state: 'detached' })
    await page.getByRole('heading', { name: 'Policies' }).waitFor()
  })
})
