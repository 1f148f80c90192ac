/** The memory of a plan hardly grows with the number of tags: names and digests of one repository, and nothing else of them. */

import { afterAll, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'

const opened: MemoryRegistry[] = []
afterAll(async () => {
  for (const one of opened.splice(0)) await one.close()
})

/** The most that Node kept resident, written to standard error when it ends. */
const TELL_MEMORY = `data:text/javascript,process.on('exit',()=>process.stderr.write('maxRSS='+process.resourceUsage().maxRSS))`

/** Without it Node lets garbage lie as long as there is room, which hides what is really kept. */
const TIGHT = ['--max-old-space-size=64', '--max-semi-space-size=4']

/** In bytes. */
async function peakMemory(tags: number): Promise<number> {
  const [source, destination] = [await startMemoryRegistry(), await startMemoryRegistry()]
  opened.push(source, destination)
  const built = image()
  source.add('app', built)
  destination.add('mirror/app', built)
  for (let tag = 0; tag < tags; tag += 1) {
    source.repository('app').tags.set(`1.0.${tag}`, built.digest)
    destination.repository('mirror/app').tags.set(`1.0.${tag}`, built.digest)
  }
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const { code, stdout, stderr } = await here.run(['run', 'policy.yaml'], { node: [...TIGHT, '--import', TELL_MEMORY] })
  expect(code, stderr).toBe(0)
  expect(stdout).toContain(`unchanged ${tags}`)
  return Number(/maxRSS=(\d+)/.exec(stderr)?.[1]) * 1024
}

test('a tag of a repository that is planned takes less than a kilobyte', { timeout: 300_000 }, async () => {
  const few = await peakMemory(5000)
  const many = await peakMemory(30_000)
  expect((many - few) / 25_000).toBeLessThan(1024)
})
