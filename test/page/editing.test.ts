/** Changing registries and policies on the page: what will be written is shown first, and why it cannot be. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { type Serving, serving } from '../serve/serving.ts'
import { hasBrowser } from '../support/browser.ts'
import { addressOf, browsing, overflow, violations } from './browsing.ts'

const COMMENTED = '    # What all teams build on.\n    filters: { tag: v* }\n'

/** Much of what a policy can have, with comments at most of it. */
const EVERYTHING = `  # Everything.
  all:
    description: "All of it" # quoted
    enabled: false
    source: { registry: from, namespaces: [app, 'lib*'] } # from there
    destination:
      registry: to # to here
      namespace: mirror
      flatten: 1
    filters:
      tag: [v*, "1.*"] # two
      newest: 3 # enough
      exclude: { tag: "*-rc*" }
      platforms: [linux/amd64, linux/arm64]
    # When.
    triggers:
      - { schedule: "0 2 * * *", timezone: Europe/Berlin } # nightly
      - { schedule: "0 4 * * 0", catch_up: 3h } # weekly
      - event: [push, delete]
      - poll: 5m
      - { pull: true, max_age: 2m }
    deletion: owned
    max_deletions: 10
    retry: { attempts: 2, delay: 1s } # patient
    verify: full
    on_overlap: queue
`

/** Makes a folder of the child read-only, also for root. */
const IN_READ_ONLY = ['-rm', 'sh', '-c', 'mount --bind conf conf && mount -o remount,ro,bind conf && exec "$@"', 'sh']
const mayMount = spawnSync('unshare', ['-rm', 'true']).status === 0

const textOf = ({ user }: Pick<Serving, 'user'>, file = 'serve.yaml'): string =>
  readFileSync(join(user.directory, file), 'utf8')

describe.runIf(hasBrowser())('an edit on the page', () => {
  test('shows the plan, the next times and the lines that change before it is saved', async () => {
    const all = await serving()
    all.user.write('serve.yaml', all.yaml(COMMENTED))
    const daemon = await all.start()
    const page = await (await browsing()).open(addressOf(all, daemon, '/policies/copy'))
    await click(page, 'Change')
    const changes = page.getByRole('region', { name: 'Changes' })
    await changes.getByText('nothing changes in').waitFor()
    await click(page, '+ At set times')
    await page.getByText(/^next: in /).waitFor()
    await page.getByText('Versions, age and number').click()
    await page.getByLabel('Newest').fill('3')
    await changes.getByText(/^\d lines of/).waitFor()
    await changes.getByText('newest: 3').waitFor()
    const lines = (await changes.locator('.line').allTextContents()).map((line) => line.trim())
    expect(lines.some((line) => line.startsWith('+') && line.includes('schedule: 0 2 * * *'))).toBe(true)
    expect(lines.join('\n')).toContain('newest: 3')
    // It is not a change of the comment.
    expect(lines.join('\n')).not.toMatch(/^[+−].*What all teams/m)
    await click(page, 'Plan')
    const plan = page.getByRole('region', { name: 'Plan' })
    await plan.getByText('copy 1').waitFor()
    await plan.getByText('to/mirror/app').first().waitFor()
    expect(await violations(page)).toEqual([])
    expect(await overflow(page)).toEqual([0, 0, 0])
    const added = lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1).trim())
    await click(page, 'Save')
    await page.getByRole('heading', { level: 1, name: 'copy', exact: true }).waitFor()
    const text = textOf(all)
    for (const line of added) expect(text).toContain(line)
    expect(text).toContain('# What all teams build on.')
  })

  test('changes of a policy with everything in it only what was changed', async () => {
    const all = await serving()
    all.user.write('serve.yaml', all.yaml(EVERYTHING))
    const before = textOf(all).split('\n')
    const daemon = await all.start()
    const page = await (await browsing()).open(addressOf(all, daemon, '/policies/all'))
    await click(page, 'Change')
    const weekly = page.getByRole('group', { name: 'At set times' }).nth(1)
    await weekly.getByLabel('Time zone').fill('UTC')
    await page.getByLabel('Newest').fill('4')
    await click(page, 'Remove: When a look at the source finds a change')
    await click(page, 'Save')
    await page.getByRole('heading', { level: 1, name: 'all', exact: true }).waitFor()
    const after = textOf(all).split('\n')
    expect(before.filter((line) => !after.includes(line))).toEqual([
      '      newest: 3 # enough',
      '      - { schedule: "0 4 * * 0", catch_up: 3h } # weekly',
      '      - poll: 5m',
    ])
    expect(after.filter((line) => !before.includes(line))).toEqual([
      expect.stringMatching(/^ {2}# changed \S+ by local$/),
      '      newest: 4 # enough',
      '      - { schedule: "0 4 * * 0", catch_up: 3h, timezone: UTC } # weekly',
    ])
    const kept = before.filter((line) => after.includes(line))
    expect(after.filter((line) => before.includes(line))).toEqual(kept)
  })

  test('of two people at once loses nothing: the second sees what the first has changed, and applies the rest', async () => {
    const all = await serving()
    all.user.write('serve.yaml', all.yaml(COMMENTED))
    const daemon = await all.start()
    const { open } = await browsing()
    const [ann, ben] = await Promise.all([1, 2].map(() => open(addressOf(all, daemon, '/policies/copy'))))
    if (!ann || !ben) throw new Error('there are no two')
    for (const page of [ann, ben]) await click(page, 'Change')
    await ben.getByLabel('Destination namespace').fill('ben')
    await ann.getByLabel('Tags', { exact: true }).fill('v*, latest')
    await click(ann, 'Save')
    await ann.getByRole('heading', { level: 1, name: 'copy', exact: true }).waitFor()

    const stale = ben.getByRole('alert').filter({ hasText: 'Somebody else has changed it' })
    await stale.waitFor()
    const row = stale.getByRole('row').filter({ hasText: 'filters.tag' })
    expect(await row.getByRole('cell').allTextContents()).toEqual(['filters.tag', 'v*', '["v*","latest"]', 'as it was'])
    expect(await ben.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true)
    expect(await violations(ben)).toEqual([])
    expect(await overflow(ben)).toEqual([0, 0, 0])
    await click(ben, 'Apply mine on top')
    await stale.waitFor({ state: 'detached' })
    expect(await ben.getByLabel('Tags', { exact: true }).inputValue()).toBe('v*, latest')
    expect(await ben.getByLabel('Destination namespace').inputValue()).toBe('ben')
    await click(ben, 'Save')
    await ben.getByRole('heading', { level: 1, name: 'copy', exact: true }).waitFor()
    expect(textOf(all)).toContain('namespace: ben')
    expect(textOf(all)).toContain('latest')
  })

  test('goes on where others have changed something else in the same file', async () => {
    const all = await serving()
    all.user.write('serve.yaml', all.yaml(COMMENTED))
    const daemon = await all.start()
    const page = await (await browsing()).open(addressOf(all, daemon, '/policies/copy'))
    await click(page, 'Change')
    await page.getByLabel('Destination namespace').fill('mine')
    const { code, stderr } = await all.user.run([
      '--config',
      'serve.yaml',
      'registries',
      'update',
      'to',
      '--description',
      'Production',
    ])
    expect(code, stderr).toBe(0)
    await click(page, 'Save')
    await page.getByRole('heading', { level: 1, name: 'copy', exact: true }).waitFor()
    expect(textOf(all)).toContain('namespace: mine')
    expect(textOf(all)).toContain('Production')
  })

  test.runIf(mayMount)('of a file that cannot be written is explained, with the YAML to copy', async () => {
    const all = await serving()
    mkdirSync(join(all.user.directory, 'conf'))
    all.user.write('conf/serve.yaml', all.yaml())
    const before = textOf(all, 'conf/serve.yaml')
    const daemon = await all.start(['conf/serve.yaml'], {}, (command) => ['unshare', ...IN_READ_ONLY, ...command])
    const { open } = await browsing()
    const page = await open(addressOf(all, daemon, '/policies/copy'), {
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    await click(page, 'Change')
    await page.getByLabel('Destination namespace').fill('other')
    await click(page, 'Save')
    const complaint = page.getByRole('alert').filter({ hasText: 'cannot write' })
    await complaint.getByText(/put this YAML where .*serve\.yaml comes from/).waitFor()
    await click(page, 'Copy the YAML')
    await page.getByText('the YAML is copied').waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toMatch(/^policies:\n {2}copy:\n[\s\S]*other/)
    expect(await violations(page)).toEqual([])
    expect(textOf(all, 'conf/serve.yaml')).toBe(before)
  })

  test('of a registry on a machine without a keychain names the variable to set', async () => {
    const all = await serving({ auth: { kind: 'basic', user: 'robot', password: 'right-secret' } })
    all.user.write('serve.yaml', 'serve:\n  listen: 127.0.0.1:0\n')
    const daemon = await all.start()
    const page = await (await browsing()).open(addressOf(all, daemon, '/registries/new'))
    await page.getByLabel('Name', { exact: true }).fill('my-hub')
    await page.getByLabel('URL').fill(all.source.url)
    await page.getByLabel('User').fill('robot')
    await page.getByLabel('Password or token').fill('right-secret')
    await page.getByText('Limits').click()
    await page.getByLabel('Bandwidth').fill('20MiB/s')
    await page.getByRole('region', { name: 'YAML' }).getByText('bandwidth: 20MiB/s').waitFor()
    await click(page, 'Test')
    await page.getByText('✓ credential').waitFor()
    await click(page, 'Save')
    await page.getByRole('alert').getByText('REPLICATE_MY_HUB_PASSWORD').waitFor()
    expect(textOf(all)).not.toContain('my-hub')
    expect(await violations(page)).toEqual([])
    await click(page, 'Save without the password')
    await page.getByRole('link', { name: 'my-hub' }).waitFor()
    expect(textOf(all)).toContain('bandwidth: 20MiB/s')
    expect(textOf(all)).not.toContain('right-secret')
  })
})

async function click(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click()
}
