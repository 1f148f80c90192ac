/** What a stranger does on the page of a daemon that knows nothing yet. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { serving } from '../serve/serving.ts'
import { authority } from '../support/authority.ts'
import { hasBrowser } from '../support/browser.ts'
import { image } from '../support/images.ts'
import { type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'
import { missingPrograms, startSecretService } from '../support/secret-service.ts'
import { addressOf, browsing } from './browsing.ts'

const EMPTY = 'serve:\n  listen: 127.0.0.1:0\n'

describe.skipIf(!hasBrowser())('a stranger on the page', () => {
  test.skipIf(missingPrograms().length > 0)(
    'adds two registries, one of them wrong at first, and a policy, and sees what failed until it is done',
    async () => {
      const root = authority('Example Root')
      let refuses = true
      const destination = await registry({
        tls: withRoot(root.issue('IP:127.0.0.1'), root.ca),
        auth: { kind: 'basic', user: 'robot', password: 'right-secret' },
        fault: ({ method, path }) =>
          refuses && method === 'PUT' && path.startsWith('/v2/mirror/web/manifests/') ? DENIED : undefined,
      })
      const secrets = await startSecretService()
      onTestFinished(secrets.stop)
      const { user, source, start } = await serving()
      source.add('web', image({ seed: 2 }), 'v1', 'v2', 'nightly')
      user.write('serve.yaml', EMPTY)
      const daemon = await start(['serve.yaml'], secrets.env)
      const page = await (await browsing()).open(addressOf({ user }, daemon))

      // The token is not left in the address.
      await page.getByRole('heading', { name: 'Nothing is replicated yet' }).waitFor()
      expect(page.url()).toBe(`${daemon.url}/`)

      await click(page, 'Add a registry')
      await type(page, { Name: 'from', URL: source.url })
      expect(await page.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true)
      await click(page, 'Test')
      await step(page, 'listing', true)
      await click(page, 'Save')
      await page.getByRole('link', { name: 'from' }).waitFor()

      await click(page, 'Add a registry')
      await type(page, { Name: 'to', URL: destination.url, User: 'robot', 'Password or token': 'wrong-secret' })
      // Enter tests it, too.
      await page.getByLabel('Password or token').press('Enter')
      await step(page, 'TLS', false)
      const certificate = page.getByRole('group', { name: 'Certificate' })
      expect(await certificate.textContent()).toContain('Example Root')
      await certificate.getByRole('switch', { name: 'Trust this authority' }).check()
      // What will be written says so.
      await page.getByRole('region', { name: 'YAML' }).getByText('ca: ./to-ca.pem').waitFor()
      await click(page, 'Test')
      await step(page, 'TLS', true)
      await step(page, 'credential', false)
      await certificate.getByText('It is trusted from now on').waitFor()
      await page.getByRole('button', { name: 'Save all the same' }).waitFor()
      await type(page, { 'Password or token': 'right-secret' })
      await click(page, 'Test')
      await step(page, 'credential', true)
      await certificate.getByText('It is trusted from now on').waitFor()
      await click(page, 'Save')
      await page.getByRole('link', { name: 'to', exact: true }).waitFor()
      expect(readFileSync(join(user.directory, 'serve.yaml'), 'utf8')).toContain('ca: ./to-ca.pem')

      // What comes next is offered at the start.
      await page.getByRole('link', { name: 'Executions' }).click()
      await click(page, 'New policy')
      await type(page, { Name: 'copy', Tags: 'v*', 'Destination namespace': 'mirror' })
      await page.getByLabel('Source registry').selectOption('from')
      await page.getByLabel('Destination registry').selectOption('to')
      const preview = page.getByRole('region', { name: 'Preview' })
      await preview.getByText('3 tags in 2 repositories').waitFor()
      await preview.getByText('web → to/mirror/web').waitFor()
      await page.getByText('destination: to/mirror').waitFor()
      await click(page, 'Save')
      await page.getByRole('heading', { name: 'copy' }).waitFor()

      await click(page, 'Start')
      await page.waitForURL(/\/executions\/\d+$/)
      await heading(page, 'copy failed')
      const failed = page.getByRole('region', { name: 'Tasks' }).getByRole('row').filter({ hasText: 'mirror/web:v1' })
      // The message of the registry, and what to do about it.
      await failed.getByText('requested access to the resource is denied').waitFor()
      expect(await failed.locator('em').textContent()).toMatch(/\w+ \w+/)
      await failed.getByRole('button', { name: /^Log of task/ }).click()
      await page
        .getByRole('log', { name: /^Log of task/ })
        .getByText('denied')
        .first()
        .waitFor()

      refuses = false
      await click(page, 'Retry what failed')
      await heading(page, 'copy succeeded')
      expect([...(destination.repositories.get('mirror/web')?.tags.keys() ?? [])].sort()).toEqual(['v1', 'v2'])
      expect(await page.content()).not.toContain('right-secret')
      expect(daemon.said()).not.toContain('right-secret')
    },
  )

  test('pauses, resumes and stops what is slow, and hears why no plan can be made', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    let isShut = false
    const { user, source, yaml, start } = await serving({
      intercept: async ({ method, url }) => {
        if (isShut) return { status: 403, body: Buffer.from(DENIED.body) }
        if (method === 'GET' && url.pathname.includes('/blobs/')) await gate
        return undefined
      },
    })
    onTestFinished(open)
    for (let at = 2; at < 8; at += 1) source.add(`app-${at}`, image({ seed: at }), 'v1')
    user.write('serve.yaml', yaml())
    const daemon = await start()
    const page = await (await browsing()).open(addressOf({ user }, daemon))
    await click(page, 'Start copy')
    await page.waitForURL(/\/executions\/\d+$/)
    await heading(page, 'copy in progress')
    await click(page, 'Pause')
    await heading(page, 'copy paused')
    await click(page, 'Resume')
    await heading(page, 'copy in progress')
    await click(page, 'Stop')
    await heading(page, 'copy stopped')
    open()
    await click(page, 'Resume')
    await heading(page, 'copy succeeded')

    // A plan that cannot be made says why, in the words of the registry.
    isShut = true
    await page.getByRole('heading', { level: 1 }).getByRole('link', { name: 'copy' }).click()
    await click(page, 'Plan')
    const complaint = page.getByRole('region', { name: 'Plan' }).getByRole('alert')
    await complaint.waitFor()
    expect(await complaint.textContent()).toMatch(/^(?!Error).*requested access to the resource is denied/s)
  })
})

const DENIED = {
  status: 403,
  body: JSON.stringify({ errors: [{ code: 'DENIED', message: 'requested access to the resource is denied' }] }),
}

async function registry(options: MemoryRegistryOptions) {
  const one = await startMemoryRegistry(options)
  onTestFinished(one.close)
  return one
}

/** A server that shows the authority, too, so that a user can compare it. */
function withRoot({ key, cert }: { readonly key: string; readonly cert: string }, ca: string) {
  return { key, cert: `${cert}${ca}` }
}

async function click(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click()
}

async function type(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value)
}

async function step(page: Page, name: string, ok: boolean): Promise<void> {
  await page
    .getByRole('list', { name: 'Test' })
    .getByText(`${ok ? '✓' : '✗'} ${name}`)
    .waitFor()
}

async function heading(page: Page, name: string): Promise<void> {
  await page.getByRole('heading', { level: 1, name }).waitFor()
}
