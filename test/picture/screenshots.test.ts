/** The screenshots of the guide are those of the page. `npm run screenshots` makes them anew. */

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { apiClient } from '../serve/api/client.ts'
import { serving } from '../serve/serving.ts'
import { hasBrowser } from '../support/browser.ts'
import { image } from '../support/images.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'examples', 'screenshots')
const GUIDE = readFileSync(join(import.meta.dirname, '..', '..', 'examples', 'README.md'), 'utf8')
/** Bytes of one. */
const LARGEST = 150_000

/** Two registries, four policies, and history to show. */
const YAML = (source: string, destination: string): string => `registries:
  hub: { type: docker-registry, url: '${source}', limits: { bandwidth: 300KiB/s } }
  harbor: { type: docker-registry, url: '${destination}', description: 'Production, Frankfurt' }
policies:
  base-images:
    description: What all teams build on
    source: { registry: hub, namespaces: [library] }
    destination: { registry: harbor, namespace: mirror }
    filters: { tag: ["3.*", "7.*"] }
    triggers: [{ schedule: "0 2 * * *" }]
  team-a:
    source: { registry: hub, namespaces: [team-a] }
    destination: harbor
    triggers: [{ event: [push, delete] }]
  nightly:
    source: { registry: hub, namespaces: [team-b] }
    destination: harbor
    triggers: [{ schedule: "30 3 * * 1-5" }]
  gone:
    source: { registry: hub, namespaces: [library] }
    destination: { registry: harbor, namespace: other }
    filters: { name: library/missing, tag: latest }
serve: { listen: "127.0.0.1:0" }
`

test.runIf(hasBrowser())('each screenshot of the guide is one of the page', async () => {
  const { user, source, destination, start } = await serving()
  for (const [at, repository] of ['library/alpine', 'library/redis', 'team-a/shop', 'team-b/search'].entries()) {
    for (const tag of ['3.20', '3.21', '7.4']) {
      source.add(repository, image({ seed: `${repository} ${tag}`, layers: 3, size: at < 2 ? 400_000 : 20_000 }), tag)
    }
  }
  user.write('serve.yaml', YAML(source.url, destination.url))
  const { url } = await start()
  const token = readFileSync(join(user.home, 'api-token'), 'utf8').trim()
  const ask = apiClient(url, token)
  for (const policy_id of ['team-a', 'nightly', 'gone']) {
    const { body } = await ask('POST', '/replication/executions', { body: { policy_id } })
    await until(`${policy_id} ends`, async () => {
      return (await ask('GET', `/replication/executions/${body.id}`)).body.end_time !== null
    })
  }
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  onTestFinished(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1100, height: 760 }, colorScheme: 'light' })
  await page.goto(`${url}/#token=${token}`)
  await page.getByRole('row', { name: /gone/ }).waitFor()
  const running = await ask('POST', '/replication/executions', { body: { policy_id: 'base-images' } })
  await page.goto(`${url}/executions/${running.body.id}`)
  await page.getByLabel('Blobs in flight').waitFor()
  await page.locator('.chart canvas').waitFor()
  await until('enough has moved to be seen', async () => {
    return (await ask('GET', `/replication/executions/${running.body.id}`)).body.bytes_copied > 1_000_000
  })
  await kept(page, 'execution')
  await page.goto(`${url}/`)
  await page.getByRole('row', { name: /base-images/ }).waitFor()
  await kept(page, 'executions')
  await page.goto(`${url}/policies/new`)
  await page.getByLabel('Repositories').fill('library/*')
  await page.getByText(/tags in 2 repositories/).waitFor()
  await kept(page, 'policy')
  await page.goto(`${url}/registries`)
  await page.getByRole('row', { name: /harbor/ }).waitFor()
  await kept(page, 'registries')
})

async function kept(page: Page, name: string): Promise<void> {
  const file = join(FOLDER, `${name}.png`)
  const now = await page.screenshot()
  if (process.env.UPDATE_SCREENSHOTS === '1') {
    mkdirSync(FOLDER, { recursive: true })
    writeFileSync(file, now)
  }
  expect(existsSync(file), 'it is not there: npm run screenshots').toBe(true)
  expect(statSync(file).size).toBeLessThan(LARGEST)
  expect(GUIDE).toContain(`screenshots/${name}.png`)
}
