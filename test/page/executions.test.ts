/** The screens of executions, in a browser, on a real daemon. */

import { describe, expect, test } from 'vitest'
import { type Daemon, type Serving, serving } from '../serve/serving.ts'
import { hasBrowser } from '../support/browser.ts'
import { image } from '../support/images.ts'
import type { MemoryRegistryOptions } from '../support/memory-registry.ts'
import { addressOf, browsing, overflow, tokenOf, violations } from './browsing.ts'

/** `slow`: the source sends slowly, so that a run can be watched. */
async function started({
  slow = false,
  ...options
}: MemoryRegistryOptions & { readonly slow?: boolean } = {}): Promise<Serving & { readonly daemon: Daemon }> {
  const all = await serving(options)
  if (slow) all.source.add('big', image({ seed: 7, layers: 3, size: 600_000 }), 'v1')
  const limits = slow ? ', limits: {bandwidth: 20KiB/s}' : ''
  all.user.write('serve.yaml', yamlOf(all, limits))
  return { ...all, daemon: await all.start() }
}

function yamlOf(all: Serving, limits = ''): string {
  return all.yaml().replace(/(from: \{.*)\}/, `$1${limits}}`)
}

describe.runIf(hasBrowser())('the page', () => {
  test('is signed in to by the printed address, which keeps no token, and by the form', async () => {
    const all = await started()
    const { open } = await browsing()
    const page = await open(addressOf(all, all.daemon))
    await page.getByRole('heading', { name: 'Executions' }).waitFor()
    expect(page.url()).toBe(`${all.daemon.url}/`)
    await page.getByText('no executions').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()

    const token = page.getByLabel('Token')
    await token.fill('wrong-token-of-no-one')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('no one has that token').waitFor()
    expect(await violations(page)).toEqual([])
    expect(await overflow(page)).toEqual([0, 0, 0])
    await token.fill(tokenOf(all))
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Executions' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Executions' }).waitFor()
  })

  test('starts a policy, shows its blobs move, pauses, resumes and stops it, in two browsers', async () => {
    const all = await started({ slow: true })
    const { open } = await browsing()
    const page = await open(addressOf(all, all.daemon))
    const other = await open(addressOf(all, all.daemon))
    await page.getByRole('button', { name: 'Start copy' }).click()
    await page.getByRole('heading', { name: /^copy/ }).waitFor()
    await page.getByRole('progressbar').first().waitFor()
    await page.locator('progress:not([value="0"])').first().waitFor()
    expect(await violations(page)).toEqual([])
    expect(await overflow(page)).toEqual([0, 0, 0])

    await other.getByRole('cell', { name: 'in progress' }).waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Resume' }).waitFor()
    await other.getByRole('cell', { name: 'paused' }).waitFor()
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await page.getByRole('button', { name: 'Stop' }).click()
    await other.getByRole('cell', { name: 'stopped' }).waitFor()
    await page.getByRole('button', { name: 'Resume' }).waitFor()
    expect(await violations(other)).toEqual([])
    expect(await overflow(other)).toEqual([0, 0, 0])
  })

  test('shows what failed with its hint and its log, and retries it', async () => {
    let isBroken = true
    const all = await started({ fault: ({ route }) => (isBroken && route === 'blob' ? { status: 403 } : undefined) })
    const { open } = await browsing()
    const page = await open(addressOf(all, all.daemon))
    await page.getByRole('button', { name: 'Start copy' }).click()
    await page.locator('.why.bad em').waitFor()
    await page.getByRole('button', { name: 'Log of task 1' }).click()
    await page.getByRole('heading', { name: 'Log of task 1' }).waitFor()
    await page.locator('.lines .error').first().waitFor()
    expect(await violations(page)).toEqual([])
    isBroken = false
    await page.getByRole('button', { name: 'Retry what failed' }).click()
    await page.waitForURL('**/executions/2')
    await page.locator('.head .status.succeeded').waitFor()
    // What was noted while it ran is there for those who come later.
    await page.reload()
    await page.locator('.chart canvas').waitFor()
    await page.getByRole('log').getByText('started').first().waitFor()
  })

  test('is used by keys alone: the focus stays on what was pressed, and what becomes of it is said', async () => {
    const all = await started({ slow: true })
    const { open } = await browsing()
    const page = await open(addressOf(all, all.daemon))
    await page.getByRole('button', { name: 'Start copy' }).press('Enter')
    await page.getByRole('progressbar').first().waitFor()
    await page.waitForFunction("document.activeElement.id === 'main'")
    await page.waitForFunction("document.title === 'copy, in progress · replicate'")
    const focused = page.locator('button:focus')
    for (const [now, next] of [
      ['Pause', 'Resume'],
      ['Resume', 'Pause'],
    ] as const) {
      await page.getByRole('button', { name: now }).press('Enter')
      await focused.filter({ hasText: next }).waitFor()
    }
    await page.getByRole('button', { name: 'Stop' }).press('Enter')
    await focused.filter({ hasText: 'Resume' }).or(page.locator('#main:focus')).first().waitFor()
    const said = page.getByRole('status').filter({ hasText: 'execution 1 of copy: stopped' })
    await said.waitFor({ state: 'attached' })
    // A log is read, not listened to.
    expect(await page.getByRole('log').getAttribute('aria-live')).toBe('off')
  })

  test('is printed whole: its log, and nothing that is pressed', async () => {
    const all = await started()
    const { open } = await browsing()
    const page = await open(addressOf(all, all.daemon))
    await page.getByRole('button', { name: 'Start copy' }).click()
    await page.locator('.head .status.succeeded').waitFor()
    await page.getByRole('log').getByText('transfer started').waitFor()
    await page.emulateMedia({ media: 'print' })
    await page.setViewportSize({ width: 700, height: 900 })
    for (const name of ['Sign out', 'Log of task 1']) {
      expect(await page.getByRole('button', { name, includeHidden: true }).isVisible(), name).toBe(false)
    }
    const hidden = "document.querySelector('.lines').scrollHeight - document.querySelector('.lines').clientHeight"
    expect(await page.evaluate(hidden)).toBe(0)
    expect(await overflow(page, [700])).toEqual([0])
  })
})
