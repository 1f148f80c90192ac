/** notifications.yaml: asks before it writes, and tells a webhook, a channel and the system's log how it ended. */

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { program } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { type Listener, listener } from '../support/listener.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'

const EXAMPLE = readFileSync(join(import.meta.dirname, '..', '..', 'examples', 'notifications.yaml'), 'utf8')

const bodies = ({ heard }: Listener): readonly unknown[] => heard.map(({ body }) => JSON.parse(body))

test('notifications.yaml asks, copies and tells', async () => {
  let isFull = true
  const hub = await startMemoryRegistry()
  const mirror = await startMemoryRegistry({
    fault: ({ method, route }) =>
      isFull && method === 'PUT' && route === 'manifest' ? { status: 413, body: '' } : undefined,
  })
  onTestFinished(async () => void (await Promise.all([hub.close(), mirror.close()])))
  hub.add('library/alpine', image(), '3.20')
  const [platform, hook, slack] = [await listener(), await listener(), await listener()]
  const here = program({ HOOK_SECRET: 'signing-key', SLACK_WEBHOOK: `${slack.url}/services/T0/B0/t0ken123` })
  const stands = {
    'docker.io': hub.host,
    'https://registry.example.com': mirror.url,
    'https://platform.example.com': platform.url,
    'https://hooks.example.com': hook.url,
  }
  here.write(
    'notifications.yaml',
    Object.entries(stands).reduce((text, [written, url]) => text.replaceAll(written, url), EXAMPLE),
  )
  // The system's log, as this test can read it.
  const bin = join(here.directory, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'logger'), `#!/bin/sh\nprintf '%s\\n' "$@" > '${here.directory}/logged'\n`)
  chmodSync(join(bin, 'logger'), 0o755)
  const env = { PATH: `${bin}:${process.env.PATH ?? ''}` }

  expect(await here.run(['run', 'notifications.yaml'], { env })).toMatchObject({ code: 1 })
  expect(bodies(platform)).toEqual([
    expect.objectContaining({
      source_project: 'library',
      target_project: 'mirror',
      replicate_policy_name: 'base-images',
    }),
  ])
  expect(bodies(hook)).toEqual([expect.objectContaining({ type: 'io.replicate.execution.failed', id: '1' })])
  expect(bodies(slack)).toEqual([{ text: expect.stringMatching(/^:x: \*base-images\* failed: 1 of 1 tasks failed/) }])
  expect(readFileSync(join(here.directory, 'logged'), 'utf8')).toBe('-t\nreplicate\nbase-images: execution 1 failed\n')

  isFull = false
  const { code, stdout, stderr } = await here.run(['run', 'notifications.yaml', '-v'], { env })
  expect(code, stderr).toBe(0)
  expect(stderr).toContain(`notification to ${hook.host} sent: execution 2 succeeded`)
  expect(bodies(hook)[1]).toMatchObject({ type: 'io.replicate.execution.succeeded', id: '2' })
  expect(slack.heard).toHaveLength(1)
  for (const [name, bytes] of here.state()) {
    for (const secret of ['signing-key', 't0ken123']) expect(bytes.includes(secret), name).toBe(false)
  }
  expect(stdout + stderr).not.toContain('t0ken123')
})
